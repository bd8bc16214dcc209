"""What people hand over at first: classes, functions, wrapped modules, lists, dicts; taken, or refused with what to do."""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import assay
from world import points, refused


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 3))


def run(out, model=None, data=None, loss="cross_entropy", optimizer="sgd", **more):
    model = net() if model is None else model
    return assay.train(model, points() if data is None else data, loss=loss, optimizer=optimizer, batch=32, updates=2, progress=False, out=out, **more)


class Computes(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(10, 3)

    def forward(self, x, labels):
        return F.cross_entropy(self.a(x), labels)


def test_wrappers_and_wide_floats(tmp_path):
    x, y = points()
    root = run(tmp_path / "a").final_root
    for name, wrap in (("b", nn.DataParallel), ("c", torch.compile)):
        model = net()
        assert run(tmp_path / name, wrap(model)).final_root == root
        assert not torch.equal(model[0].weight, net()[0].weight)  # the weights came back into what was wrapped
    assert run(tmp_path / "d", data=(np.asarray(x, "float64"), y)).final_root == root
    assert run(tmp_path / "e", loss=F.cross_entropy).final_root == root


def test_whole_arrays_by_name(tmp_path):
    x, y = points()
    a = run(tmp_path / "a", Computes(), {"x": x, "labels": y}, loss="model", seed=3)
    assert a.updates == 2 and np.isfinite(a.losses).all()


def test_refused_with_what_to_do(tmp_path):
    x, y = points()

    def no(*words, **more):
        refused(lambda: run(tmp_path / "no", **more), *words)
    no("class CrossEntropyLoss", "CrossEntropyLoss()", loss=nn.CrossEntropyLoss)
    no("class AdamW", "AdamW(model.parameters()", optimizer=torch.optim.AdamW)
    no("class Computes", model=Computes)
    no("give a torch.nn.Module", model=3)
    no("let the model compute it", "loss='model'", loss=lambda a, b: (a - b).mean())
    no("forward(x, labels)", "missing", "'labels'", model=Computes(), loss="model")
    samples = [{"input": x[i], "label": y[i]} for i in range(64)]
    no("forward(input)", "named input, label", "the target goes to the loss alone", data=samples)
    no("pair of lists", "numpy.asarray", data=(x.tolist(), y.tolist()))
    no("a text", "{'dataset': 'mnist'}", data="mnist")
    no("array of Python objects", data=(x, y.astype(object)))
    no("'update' or 'epoch'", scheduler="cosine", scheduler_step="batch")
    model = net()
    plateau = torch.optim.SGD(model.parameters(), lr=0.1)
    no("ReduceLROnPlateau", "fixed before", model=model, optimizer=plateau, scheduler=torch.optim.lr_scheduler.ReduceLROnPlateau(plateau))
    no("amsgrad", "leave the option out", model=model, optimizer=torch.optim.Adam(model.parameters(), amsgrad=True))
    (tmp_path / "file").write_text("")
    assert "give another `out`" in refused(lambda: run(tmp_path / "file"), "cannot be written")


def test_what_the_exporter_means(tmp_path):
    class Decides(nn.Sequential):
        def forward(self, x):
            return super().forward(x if x.sum() > 0 else -x)

    class Fixed(nn.Sequential):
        def forward(self, x):
            return super().forward(x.reshape(32, 10))
    refused(lambda: run(tmp_path / "a", Decides(nn.Linear(10, 3))), "values of a tensor", "torch.where")
    refused(lambda: run(tmp_path / "b", Fixed(nn.Linear(10, 3))), "number of samples", "x.shape[0]")


def test_errors_of_a_data_set_are_its_own(tmp_path):
    class Files(torch.utils.data.Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            raise FileNotFoundError(2, "No such file", f"picture{i}.png")
    try:
        run(tmp_path / "a", data=Files())
    except FileNotFoundError as error:
        assert error.filename == "picture0.png"
    else:
        raise AssertionError("not raised")


def test_a_file_of_float64_is_told_apart_from_integers(tmp_path):
    path = str(tmp_path / "double.onnx")
    torch.onnx.export(nn.Linear(10, 3).double(), (torch.zeros(2, 10, dtype=torch.float64),), path, dynamo=True, optimize=False, verbose=False)
    report = assay.check(path)
    assert not report and "DOUBLE" in report.refused[0].reason and "float32" in report.refused[0].reason
    refused(lambda: run(tmp_path / "out", model=path), "'input' is DOUBLE", "export the model in float32")


def test_indices_are_in_their_table(tmp_path):
    class Looks(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = nn.Embedding(20, 8), nn.Linear(8, 3)

        def forward(self, ids):
            return self.out(self.table(ids).mean(1))
    ids, y = np.arange(64 * 4).reshape(64, 4) % 20, np.arange(64) % 3
    assert run(tmp_path / "a", Looks(), (ids, y)).updates == 2
    wrong = ids.copy()
    wrong[7, 2] = 20
    refused(lambda: run(tmp_path / "b", Looks(), (wrong, y)), "input ids", "sample 7", "table.weight has 20 rows")
    refused(lambda: run(tmp_path / "c", Looks(), (ids - 1, y)), "sample 0", "0 to 19")


def test_examples_and_lazy_modules_and_folders(tmp_path):
    for example in (None, {"input": torch.zeros(2, 10)}, (2, 10)):
        refused(lambda: assay.export(net(), example, tmp_path / "e.onnx"), "the example", "two samples")
    (tmp_path / "file").write_text("")
    refused(lambda: assay.export(net(), torch.zeros(2, 10), tmp_path / "file" / "e.onnx"), "cannot be written")
    refused(lambda: run(tmp_path / "a", nn.LazyLinear(3)), "weight has no shape yet", "call the model once")
    model = net()
    run(tmp_path / "b", model)
    other = net()
    assay.load(other, tmp_path / "b")
    assert torch.equal(other[0].weight, model[0].weight)


def test_an_example_may_be_one_tensor(tmp_path):
    plain = assay.evaluate(net(), points(), loss="cross_entropy")
    assert assay.evaluate(net(), points(), loss="cross_entropy", example=torch.zeros(2, 10)) == plain
