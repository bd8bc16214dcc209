// Judges recorded disputes with assay-verify.wasm, one line each: what a page or a wallet does with it.
//
//   node judge.mjs assay-verify.wasm FILE..
//
// The module imports nothing, and its memory never grows.
import { readFileSync } from "node:fs";

const [wasm, ...files] = process.argv.slice(2);
if (!files.length) {
  console.error("usage: node judge.mjs assay-verify.wasm FILE..");
  process.exit(2);
}
const DAMAGED = 3;
const module = new WebAssembly.Module(readFileSync(wasm));
const { exports: judge } = new WebAssembly.Instance(module, {});

const text = (length) => new TextDecoder().decode(new Uint8Array(judge.memory.buffer, judge.assay_text(), length));
const sentence = () => {
  const bytes = new Uint8Array(judge.memory.buffer, judge.assay_text(), judge.assay_text_max());
  return text(bytes.indexOf(0));
};

for (const file of files) {
  const transcript = readFileSync(file).subarray(0, judge.assay_input_max());
  new Uint8Array(judge.memory.buffer).set(transcript, judge.assay_input());
  const outcome = judge.assay_judge(
    judge.assay_input(), transcript.length, judge.assay_verdict(), judge.assay_text(), judge.assay_text_max());
  if (outcome === DAMAGED) console.error(`${file}: ${sentence()}`);
  console.log(text(judge.assay_verdict_line(outcome, judge.assay_verdict(), judge.assay_text(), judge.assay_text_max())));
}
