// Every query of @cosmjs/tendermint-rpc, unmodified, against a node; its own decoders are the check.
//   node client.mjs PORT TX_BASE64 TX_BASE64 TX_BASE64 ACCOUNT
import { createRequire } from "node:module";
import assert from "node:assert/strict";
const require = createRequire(process.cwd() + "/");
const { connectComet, Comet38Client, WebsocketClient, HttpBatchClient } = require("@cosmjs/tendermint-rpc");
const [port, ...rest] = process.argv.slice(2);
const [first, second, third] = rest.slice(0, 3).map((t) => Uint8Array.from(Buffer.from(t, "base64")));
const account = rest[3];

const client = await connectComet(`http://127.0.0.1:${port}`);
assert(client instanceof Comet38Client, "it takes the node for another version");
const sent = await client.broadcastTxCommit({ tx: first });
assert.equal(sent.txResult.code, 0);
const height = sent.height;
await client.health();
const status = await client.status();
assert.equal(status.nodeInfo.network, "assay-solo");
await client.abciInfo();
const chain = await client.abciQuery({ path: "/key", data: Uint8Array.from([3]), prove: true });
assert.equal(chain.code, 0);
assert.equal(chain.proof.ops.length, 2);
const block = await client.block(height);
assert.equal(block.block.txs.length, 2);
await client.block();
await client.blockResults(height);
await client.blockSearch({ query: `block.height=${height}` });
await client.blockSearchAll({ query: "block.height>0" });
await client.blockchain(1, height);
const commit = await client.commit(height);
assert.equal(commit.commit.signatures.length, 1);
const genesis = await client.genesis();
assert.equal(genesis.chainId, "assay-solo");
await client.numUnconfirmedTxs();
const tx = await client.tx({ hash: sent.hash, prove: true });
assert.deepEqual(Uint8Array.from(tx.tx), first);
assert.equal(tx.proof.proof.total, 2);
const found = await client.txSearch({ query: `transaction.account='${account}'`, per_page: 1 });
assert.equal(found.totalCount, 1);
await client.txSearchAll({ query: "tx.height>0" });
await client.validators({ height, per_page: 1 });
const all = await client.validatorsAll(height);
assert.equal(all.validators.length, 1);
await assert.rejects(client.block(999999999));
const asynchronous = await client.broadcastTxAsync({ tx: second });
assert.equal(asynchronous.hash.length, 32);

const batch = new HttpBatchClient(`http://127.0.0.1:${port}`);
const batched = Comet38Client.create(batch);
await Promise.all([(await batched).status(), (await batched).health(), (await batched).block(height)]);
batch.disconnect();

const socket = new WebsocketClient(`ws://127.0.0.1:${port}`, (e) => { throw e; });
const live = await Comet38Client.create(socket);
const seen = { block: 0, header: 0, tx: 0 };
const done = new Promise((resolve) => {
  const look = () => { if (seen.block && seen.header && seen.tx) resolve(); };
  live.subscribeNewBlock().addListener({ next: (b) => { assert(b.header.height > 0); seen.block++; look(); } });
  live.subscribeNewBlockHeader().addListener({ next: (h) => { assert(h.height > 0); seen.header++; look(); } });
  live.subscribeTx(`transaction.account='${account}'`).addListener({ next: (t) => { assert.equal(t.hash.length, 32); seen.tx++; look(); } });
});
await live.status();
const synchronous = await live.broadcastTxSync({ tx: third });
assert.equal(synchronous.code, 0);
await done;
live.disconnect();
client.disconnect();
console.log("cosmjs: all queries, three ways to broadcast, three subscriptions");
process.exit(0);
