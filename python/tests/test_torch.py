"""Modules: exported so that nothing is lost, trained as torch trains them, and loaded back."""
import numpy as np
import torch
from torch import nn

import assay
from assay.module import export_module, load_into
from assay.recipe import loss_words, optimizer_words
from world import points, refused


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 3))


class Odd(nn.Module):
    """Ties, a scalar, a buffer, a frozen tensor, an unused layer, equal tensors, batch norm, dropout."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 8)
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.register_buffer("mask", torch.ones(8))
        self.frozen = nn.Parameter(torch.zeros(8), requires_grad=False)
        self.unused = nn.Linear(3, 3)
        self.drop = nn.Dropout(0.1)
        self.emb = nn.Embedding(10, 8)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.emb.weight

    def forward(self, x, ids):
        h = torch.relu(self.bn(self.conv(x))).mean((2, 3))
        h = self.norm2(self.norm1(self.fc(h))) * self.mask * self.scale + self.frozen + self.emb(ids)
        return self.head(self.drop(h))


def torch_trains(model, loss, optimizer, x, y, batch, updates):
    """The same training by torch in float64, samples in order."""
    model.double().train()
    losses = []
    for u in range(updates):
        at = u * batch % len(x)
        optimizer.zero_grad()
        value = loss(model(x[at:at + batch].double()), y[at:at + batch] if not y.is_floating_point() else y[at:at + batch].double())
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return np.array(losses)


def agrees(out, make_loss, make_optimizer, x, y, make=net, updates=20, batch=32, **more):
    """assay.train and torch in float64 give the same losses and weights."""
    model, peer = make(), make().double()
    result = assay.train(model, (x, y), loss=make_loss(), optimizer=make_optimizer(model), batch=batch, updates=updates, shuffle=False, out=out,
                         progress=False, **more)
    losses = torch_trains(peer, make_loss(), make_optimizer(peer), torch.as_tensor(x), torch.as_tensor(y), batch, updates)
    np.testing.assert_allclose(result.losses, losses, rtol=2e-5, atol=2e-6)
    for (name, ours), theirs in zip(model.state_dict().items(), peer.state_dict().values()):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=3e-4, atol=3e-5, err_msg=name)
    return result


def test_a_module_exports_with_all_its_names(tmp_path):
    import onnx
    model = Odd().eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    made = export_module(model, (torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64)), tmp_path / "odd.onnx")
    assert not model.training and not model.bn.training, "the module is as it was"
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    file = onnx.load(str(made.path))
    shapes = {t.name: list(t.dims) for t in file.graph.initializer}
    every = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert set(made.parameters) | set(made.buffers) == set(shapes)
    assert set(every) - set(shapes) - {"emb.weight", "head.weight"} == {"unused.weight", "unused.bias", "bn.num_batches_tracked"}
    assert set(made.unused) == {"unused.weight", "unused.bias"} and made.tied == {"head.weight": "emb.weight"}
    assert all(shapes[name] == list(every[name].shape) for name in shapes if name in every) and shapes["scale"] == []
    assert ("emb.weight" in shapes) != ("head.weight" in shapes)
    operators = [node.op_type for node in file.graph.node]
    assert "BatchNormalization" in operators and "Dropout" in operators
    assert made.inputs == ("x", "ids") and file.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    bytes_ = made.path.read_bytes()
    assert b"stack_trace" not in bytes_ and b".py" not in bytes_
    assert bytes_ == export_module(model, (torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64)), tmp_path / "again.onnx").path.read_bytes()


def test_what_cannot_be_exported(tmp_path):
    def export(model, *example):
        return lambda: assay.export(model, example or torch.zeros(2, 10), tmp_path / "m.onnx")
    refused(export(net().double()), "0.weight", "float64", "model.float()")
    refused(export(net(), torch.zeros(1, 10)), "two samples")
    refused(export(nn.Sequential(nn.Linear(10, 4), nn.BatchNorm1d(4, momentum=None))), "1 (BatchNorm1d)", "momentum")

    refused(export(nn.utils.parametrizations.spectral_norm(nn.Linear(10, 4))), "parametrizations.weight.0._u", "_SpectralNorm")
    refused(export(nn.Sequential(nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True)), torch.zeros(2, 1, 8, 8)), "1 (InstanceNorm2d)", "track_running_stats")

    class Branches(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x
    refused(export(Branches()), "torch.onnx.export cannot write this model")


def test_training_is_torchs(tmp_path):
    x, y = points(320)
    agrees(tmp_path / "sgd", nn.CrossEntropyLoss, lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, nesterov=True), x, y)
    agrees(tmp_path / "adamw", lambda: nn.CrossEntropyLoss(label_smoothing=0.1), lambda m: torch.optim.AdamW(m.parameters(), lr=1e-2), x, y)
    agrees(tmp_path / "mse", nn.MSELoss, lambda m: torch.optim.AdamW(m.parameters(), lr=1e-2), x, x[:, :3] * 2)


def test_other_losses_and_optimizers_are_torchs(tmp_path):
    x, _ = points(320)
    y = (x[:, 2:5] > 0).astype(np.float32)
    optim = torch.optim
    agrees(tmp_path / "bce", nn.BCEWithLogitsLoss, lambda m: optim.RMSprop(m.parameters(), lr=3e-3, momentum=0.5), x, y)
    agrees(tmp_path / "huber", lambda: nn.HuberLoss(delta=0.5), lambda m: optim.Adam(m.parameters(), lr=1e-2, weight_decay=0.01), x, y)
    agrees(tmp_path / "smooth", lambda: nn.SmoothL1Loss(beta=0.7), lambda m: optim.SGD(m.parameters(), lr=0.1), x, y, micro_batches=4)
    agrees(tmp_path / "l1", nn.L1Loss, lambda m: optim.SGD(m.parameters(), lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01), x, y)


def test_everything_at_once(tmp_path):
    """Two inputs by name, a tie, a scalar, a frozen tensor, batch norm whose statistics move, and one whose stay."""
    draw = np.random.default_rng(5)
    data = [({"ids": int(n % 10), "x": draw.standard_normal((1, 8, 8)).astype(np.float32)}, int(n * 3 % 10)) for n in range(96)]
    model = Odd()
    model.drop.p = 0.0
    before = {k: v.clone() for k, v in model.state_dict().items()}
    call = dict(loss=nn.CrossEntropyLoss(), batch=16, epochs=2, progress=False, shuffle=False)
    assay.train(model, data, optimizer=torch.optim.SGD(model.parameters(), lr=0.05), out=tmp_path / "one", **call)
    same = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert same == {"mask", "frozen", "unused.weight", "unused.bias"}
    assert model.head.weight is model.emb.weight and model.bn.num_batches_tracked == 12
    peer = Odd().double().train()
    peer.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in before.items()})
    peer.drop.p = 0.0
    optimizer = torch.optim.SGD([p for p in peer.parameters() if p.requires_grad], lr=0.05)
    for update in range(12):
        part = data[update % 6 * 16:][:16]
        optimizer.zero_grad()
        out = peer(torch.as_tensor(np.stack([s[0]["x"] for s in part])).double(), torch.tensor([s[0]["ids"] for s in part]))
        nn.functional.cross_entropy(out, torch.tensor([s[1] for s in part])).backward()
        optimizer.step()
    for name, value in peer.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name].numpy(), value.numpy(), rtol=1e-3, atol=1e-4, err_msg=name)
    model.train()
    model.bn.eval()
    statistics = model.bn.running_mean.clone(), model.bn.running_var.clone()
    weight = model.bn.weight.clone()
    assay.train(model, data, optimizer=torch.optim.SGD(model.parameters(), lr=0.05), out=tmp_path / "two", **call)
    assert torch.equal(statistics[0], model.bn.running_mean) and torch.equal(statistics[1], model.bn.running_var)
    assert not torch.equal(weight, model.bn.weight) and model.bn.num_batches_tracked == 12 and not model.bn.training


def test_a_module_that_computes_its_loss(tmp_path):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x, y):
            return ((self.net(x) - y) ** 4).mean()
    x, _ = points(128)
    model = Own()
    data = {"x": x, "y": x[:, :3] / 2}
    result = assay.train(model, (data,), loss="model", optimizer=torch.optim.SGD(model.parameters(), lr=0.05), batch=32, epochs=10, out=tmp_path / "out",
                         progress=False)
    assert result.losses[-1] < result.losses[0] / 2 and result.accuracy is None
    with torch.no_grad():
        assert model(torch.as_tensor(x), torch.as_tensor(data["y"])).item() < result.losses[0]


def test_a_module_is_trained_and_loaded_back(tmp_path):
    x, y = points(512)
    model = net()
    model.unused = nn.Linear(2, 2)  # a parameter that forward never reads

    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.spare = net(), nn.Linear(2, 2)

        def forward(self, x):
            return self.inner(x)
    model = Holder()
    spare = model.spare.weight.clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    data = torch.utils.data.TensorDataset(torch.as_tensor(x), torch.as_tensor(y))
    call = dict(loss=nn.CrossEntropyLoss(), optimizer=optimizer, batch=64, epochs=20, test=(x[:100], y[:100]), out=tmp_path / "out", progress=False)
    result = assay.train(model, data, **call)
    assert torch.equal(model.spare.weight, spare)
    with torch.no_grad():
        right = (model(torch.as_tensor(x[:100])).argmax(1).numpy() == y[:100]).mean()
    assert result.accuracy > 0.9 and abs(right - result.accuracy) < 0.011
    score = assay.evaluate(model, (x[:100], y[:100]))
    assert score.accuracy == result.accuracy and score.loss == result.test_loss
    loaded = Holder()
    assay.load(loaded, result.folder)
    assert all(torch.equal(a, b) for (n, a), b in zip(loaded.state_dict().items(), model.state_dict().values()) if "spare" not in n)
    # a second training of the same module starts from what the first gave: not the same run
    refused(lambda: assay.train(model, data, **call), "other weights", "force=True")


def test_tensors_that_do_not_train(tmp_path):
    x, y = points(128)
    model = net()
    model[0].weight.requires_grad_(False)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.SGD([model[0].weight, model[0].bias, model[2].weight], lr=0.1)
    assay.train(model, (x, y), loss="cross_entropy", optimizer=optimizer, batch=32, epochs=1, out=tmp_path / "out", progress=False)
    same = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert same == {"0.weight", "2.bias"}


def test_losses_in_words():
    assert loss_words(nn.CrossEntropyLoss()) == "cross_entropy" and loss_words(nn.MSELoss()) == "mse" and loss_words(nn.L1Loss()) == "l1"
    assert loss_words(nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=0)) == {"name": "cross_entropy", "label_smoothing": 0.1, "ignore_index": 0}
    assert loss_words(nn.HuberLoss(delta=0.5)) == {"name": "huber", "delta": 0.5} and loss_words(nn.BCEWithLogitsLoss()) == "bce_with_logits"
    assert loss_words(nn.SmoothL1Loss(beta=2.0)) == {"name": "smooth_l1", "beta": 2.0}
    refused(lambda: loss_words(nn.CrossEntropyLoss(weight=torch.ones(3))), "weight", "CrossEntropyLoss")
    refused(lambda: loss_words(nn.BCEWithLogitsLoss(pos_weight=torch.ones(3))), "pos_weight")
    refused(lambda: loss_words(nn.MSELoss(reduction="sum")), "reduction='sum'")
    refused(lambda: loss_words(nn.PoissonNLLLoss()), "PoissonNLLLoss", "CrossEntropyLoss")
    refused(lambda: loss_words(lambda a, b: a), "<lambda>", "let the model compute it")


def test_optimizers_in_words():
    model = net()
    named = dict(model.named_parameters())

    def words(kind, **options):
        return optimizer_words(kind(model.parameters(), **options), named)[0]
    optim = torch.optim
    assert words(optim.SGD, lr=0.1, momentum=0.9, foreach=True) == {"name": "sgd", "lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}
    assert words(optim.AdamW) == {"name": "adamw", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-08, "weight_decay": 0.01}
    assert words(optim.Adam, fused=False)["name"] == "adam"
    assert words(optim.RMSprop)["alpha"] == 0.99
    refused(lambda: words(optim.Adam, amsgrad=True), "amsgrad")
    refused(lambda: words(optim.SGD, maximize=True), "maximize")
    refused(lambda: words(optim.Adagrad), "Adagrad", "AdamW")
    refused(lambda: optimizer_words(optim.SGD(net(1).parameters()), named), "no parameter of the model")
    used = optim.AdamW(model.parameters())
    model(torch.zeros(2, 10)).sum().backward()
    used.step()
    refused(lambda: optimizer_words(used, named), "taken steps")
    groups = optim.AdamW([{"params": [named["0.weight"], named["2.weight"]]}, {"params": [named["0.bias"], named["2.bias"]], "weight_decay": 0.0, "lr": 1e-4}])
    assert optimizer_words(groups, named)[0] == {"name": "adamw", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-08, "weight_decay": 0.01,
                                                 "groups": [{"match": ["0.bias", "2.bias"], "lr": 1e-4, "weight_decay": 0.0}]}
    differ = optim.AdamW([{"params": [named["0.weight"]]}, {"params": [named["0.bias"]], "betas": (0.5, 0.9)}])
    refused(lambda: optimizer_words(differ, named), "groups differ in betas")


def test_weights_are_loaded_in_place():
    model = Odd()
    weight = model.head.weight
    names = load_into(model, {"emb.weight": np.full((10, 8), 2, np.float32), "scale": np.float32(7), "bn.running_mean": np.ones(4, np.float32)}, forwards=5)
    assert names == ["bn.running_mean", "emb.weight", "scale"] and model.head.weight is weight and (weight == 2).all()
    assert model.scale.item() == 7 and model.scale.shape == () and model.bn.num_batches_tracked == 5
    refused(lambda: load_into(model, {"x": np.ones(3)}), "x")
    refused(lambda: load_into(model, {"scale": np.ones(3)}), "scale", "[3]")


def test_schedulers_in_words():
    from torch.optim import lr_scheduler as S

    from assay.schedules import schedule_words

    def words(make, updates=100, step="update", lr=0.5, an_epoch=10):
        optimizer = torch.optim.SGD(net().parameters(), lr=lr, momentum=0.9)
        scheduler = make(optimizer)
        before = [dict(g, params=0) for g in optimizer.param_groups]
        found = schedule_words(scheduler, optimizer, updates, an_epoch, step)
        assert [dict(g, params=0) for g in optimizer.param_groups] == before and scheduler.last_epoch == 0
        return found
    assert words(lambda o: S.StepLR(o, 3), step="epoch") == {"name": "step", "every": 30, "gamma": 0.1}
    assert words(lambda o: S.MultiStepLR(o, [5, 8], gamma=0.5)) == {"name": "step", "milestones": [5, 8], "gamma": 0.5}
    assert words(lambda o: S.ExponentialLR(o, 0.9), step="epoch") == {"name": "step", "every": 10, "gamma": 0.9}
    assert words(lambda o: S.CosineAnnealingLR(o, 100, eta_min=0.05)) == {"name": "cosine", "end": 0.1}
    assert words(lambda o: S.LinearLR(o, 1.0, 0.1, total_iters=100)) == {"name": "linear", "start": 1.0, "end": 0.1}
    assert words(lambda o: S.LinearLR(o, 1 / 20, total_iters=19)) == {"name": "constant", "warmup": 20}
    warm = lambda o: S.SequentialLR(o, [S.LinearLR(o, 1 / 20, total_iters=19), S.CosineAnnealingLR(o, 80)], [20])
    assert words(warm) == {"name": "cosine", "end": 0.0, "warmup": 20}
    cycle = words(lambda o: S.OneCycleLR(o, 0.7, total_steps=100, cycle_momentum=False, pct_start=0.25), step=None)
    assert cycle["name"] == "one_cycle" and abs(cycle["pct_start"] - 0.25) < 1e-12 and abs(cycle["div_factor"] - 25) < 1e-9
    words(lambda o: S.OneCycleLR(o, 0.7, total_steps=100, cycle_momentum=False, anneal_strategy="linear", final_div_factor=50), step=None)
    refused(lambda: words(lambda o: S.StepLR(o, 3), step=None), "StepLR", "scheduler_step")
    refused(lambda: words(lambda o: S.CosineAnnealingLR(o, 10), step="epoch"), "CosineAnnealingLR", "update 2 of 100", "T_max")
    refused(lambda: words(lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.01, total_iters=20), S.CosineAnnealingLR(o, 80)], [20])), "start_factor=1/20, total_iters=19")
    refused(lambda: words(lambda o: S.OneCycleLR(o, 0.7, total_steps=100)), "cycle_momentum=False")
    refused(lambda: words(lambda o: S.OneCycleLR(o, 0.7, total_steps=100, three_phase=True, cycle_momentum=False)), "OneCycleLR", "update")
    refused(lambda: words(lambda o: S.LambdaLR(o, lambda t: 1)), "LambdaLR", "StepLR")


def test_training_with_a_schedule_and_groups_is_torchs(tmp_path):
    from torch.optim import lr_scheduler as S
    x, y = points(320)
    torch.manual_seed(0)

    def optimizer(model):
        return torch.optim.Adam([{"params": [model[0].weight, model[2].weight]}, {"params": [model[0].bias, model[2].bias], "lr": 0.1, "weight_decay": 0.1}], lr=0.02)

    def scheduler(o):
        return S.OneCycleLR(o, [0.02, 0.1], total_steps=30, cycle_momentum=False)
    ours, peer = net(), net().double()
    mine, theirs = optimizer(ours), optimizer(peer)
    result = assay.train(ours, (x, y), loss="cross_entropy", optimizer=mine, scheduler=scheduler(mine), batch=32, epochs=3, shuffle=False, out=tmp_path / "out", progress=False)
    turn = scheduler(theirs)
    losses = []
    for update in range(30):
        at = update * 32 % 320
        theirs.zero_grad()
        loss = nn.functional.cross_entropy(peer(torch.as_tensor(x[at:at + 32]).double()), torch.as_tensor(y[at:at + 32]))
        loss.backward()
        theirs.step()
        turn.step()
        losses.append(loss.item())
    np.testing.assert_allclose(result.losses, losses, rtol=2e-5, atol=2e-6)
