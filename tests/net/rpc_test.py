#!/usr/bin/env python3
"""Every answer has the shape of CometBFT's: its keys and the kinds of its values are those of the samples in fixtures/, which
a running CometBFT 0.38.25 gave; and what is in them is right: hashes, signatures and proofs are computed again.

usage: rpc_test.py ASSAY
"""
import base64
import json
import os
import re
import sys
import tempfile
import time

from node import HERE, Node, Socket, sha256

FIXTURES = os.path.join(HERE, "fixtures")
faults = []


def fault(*words):
    faults.append(" ".join(str(w) for w in words))
    print("FAULT", *words, flush=True)


def kind(value):
    """What a client has to know of a value before it reads it."""
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "list"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "number"
    if value is None:
        return "null"
    for name, pattern in (("empty", r""), ("number text", r"-?\d+"), ("time", r"\d{4}-\d\d-\d\dT[\d:.]+Z"), ("hash", r"[0-9A-F]{40}|[0-9A-F]{64}")):
        if re.fullmatch(pattern, value):
            return name
    return "text"


# Where a value may be of either kind: nothing at all is null or "" in CometBFT, as it happens.
LOOSE = {"null", "empty", "text", "list", "hash"}


def same_shape(name, ours, theirs, path=""):
    """Objects have the same keys; of lists the first elements are compared."""
    a, b = kind(ours), kind(theirs)
    chosen = path.endswith((".listen_addr", ".app_hash", "_app_hash", ".version", ".channels", "result.data", ".proofOps"))  # as the application likes
    if a != b and not (a in LOOSE and b in LOOSE) and not chosen:
        return fault(name, path, f"is {a}: {ours!r}; in the sample {b}: {theirs!r}")
    if a == b == "object":
        free = path.endswith((".events", "app_state")) # names and values that the application chooses
        for key in sorted(set(ours) | set(theirs)):
            if key not in ours or key not in theirs:
                if not free and key not in ALLOWED.get(name, ()):
                    fault(name, f"{path}.{key}", "is missing" if key in theirs else "is not in the sample")
            else:
                same_shape(name, ours[key], theirs[key], f"{path}.{key}")
    if a == b == "list" and ours and theirs:
        same_shape(name, ours[0], theirs[0], path + "[0]")


# What ours has or has not, and why: genesis carries the chain's own state; a probe application filled in other fields.
ALLOWED = {"genesis": ("app_state",), "websocket Tx": ("index", "data", "info", "log", "code", "codespace")}


def sample(name):
    with open(os.path.join(FIXTURES, name + ".json")) as f:
        return json.load(f)


def check_samples(node, tx, height):
    """Asks what the samples asked, with this chain's heights and hashes in their place."""
    block = node.ask("block", height=str(height))
    for name in sorted(os.listdir(FIXTURES)):
        name = name[:-5]
        if name in ("websocket_frames", "get_root", "net_info", "broadcast_tx_sync_in_cache", "error_missing_required"):
            continue
        s = sample(name)
        if "get" in s:
            path = s["get"].replace("0x682607c9a4877b48b14ae0b08d6a64e0010dc31282128f16b2d0056039c0f68c", "0x" + sha256(tx).hex())
            path = path.replace('"/store"&data=0x73616d706c65', '"/key"&data=0x03')
            status, content, text = node.http("GET", path.replace('"', "%22"))
            answer = json.loads(text) if content == "application/json" else text.decode()
        else:
            request = s["request"]
            if isinstance(request, dict) and isinstance(request.get("params"), dict):
                params = dict(request["params"])
                if params.get("height") in ("46", "47"):
                    params["height"] = str(height + (params["height"] == "47"))
                if "tx" in params:
                    continue  # sent by check_broadcast
                if request["method"] == "abci_query":
                    params = {"path": "/key", "data": "03", "prove": True}
                if name == "tx_prove":
                    params["hash"] = base64.b64encode(sha256(tx)).decode()
                if name == "block_search":
                    params["query"] = f"block.height={height}"
                if request["method"] == "header_by_hash":
                    params["hash"] = block["block_id"]["hash"]
                request = dict(request, params=params)
            status, content, answer = node.post(request)
        if status != s["http_status"]:
            fault(name, "HTTP status", status, "in the sample", s["http_status"], answer)
        if s["content_type"] and content != s["content_type"]:
            fault(name, "content type", content, "in the sample", s["content_type"])
        if isinstance(s["response"], str):
            if isinstance(answer, str) != isinstance(s["response"], str) or (s["response"] == "") != (answer == ""):
                fault(name, repr(answer), "in the sample", repr(s["response"]))
        elif "error" in s["response"]:
            theirs = s["response"]["error"]
            if answer.get("error", {}).get("code") != theirs["code"] or answer["error"]["message"] != theirs["message"]:
                fault(name, answer, "in the sample", theirs)
            if ("id" in answer) != ("id" in s["response"]) or ("data" in answer["error"]) != ("data" in theirs):
                fault(name, "its id or data:", answer, "in the sample", s["response"])
        else:
            same_shape(name, answer, s["response"])
            if answer.get("id") != s["response"]["id"]:
                fault(name, "id", answer.get("id"))


def check_broadcast(node, owner):
    def params(data):
        return {"jsonrpc": "2.0", "id": 1, "params": {"tx": base64.b64encode(data).decode()}}

    for name in ("broadcast_tx_sync", "broadcast_tx_async", "broadcast_tx_commit"):
        answer = node.post({**params(owner.transfer(bytes(32))), "method": name})[2]
        same_shape(name, answer, sample(name)["response"])
    again = owner.transfer(bytes(32))
    node.send(again, "broadcast_tx_commit")
    answer = node.post({**params(again), "method": "broadcast_tx_sync"})[2]
    if answer.get("error", {}).get("data") != "tx already exists in cache":
        fault("a second time", answer)
    refused = node.post({**params(owner.transfer(bytes(32), nonce=999)), "method": "broadcast_tx_sync"})[2]
    same_shape("broadcast_tx_sync_refused", refused, sample("broadcast_tx_sync_refused")["response"])
    if refused["result"]["code"] != 3:
        fault("a wrong nonce", refused)
    failed = node.send(owner.transfer(bytes(32), amount=1 << 63), "broadcast_tx_commit")
    same_shape("failed", {"result": failed}, {"result": sample("broadcast_tx_commit_failed_tx")["response"]["result"]})
    if failed["check_tx"]["code"] != 0 or failed["tx_result"]["code"] != 5:
        fault("a transfer of too much", failed)
    empty = node.post({"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_sync", "params": {}})[2]
    if empty["result"]["code"] == 0 or empty["result"]["hash"] != sha256(b"").hex().upper():
        fault("no transaction at all", empty)
    checked = owner.transfer(bytes(32))
    same_shape("check_tx", node.post({**params(checked), "method": "check_tx"})[2], sample("check_tx")["response"])
    if node.send(checked, "broadcast_tx_commit")["tx_result"]["code"] != 0:
        fault("check_tx changed what may be sent")


def leaf(data):
    return sha256(b"\0" + data)


def climb(index, total, hashed, aunts):
    """RFC 6962."""
    if total == 1:
        return hashed if not aunts else None
    left = 1 << (total - 1).bit_length() - 1
    if index < left:
        return sha256(b"\1" + climb(index, left, hashed, aunts[:-1]) + aunts[-1])
    return sha256(b"\1" + aunts[-1] + climb(index - left, total - left, hashed, aunts[:-1]))


def check_proofs(node, tx):
    found = node.find(tx)
    proof = found["proof"]["proof"]
    aunts = [base64.b64decode(a) for a in proof["aunts"]]
    if climb(int(proof["index"]), int(proof["total"]), leaf(sha256(tx)), aunts).hex().upper() != found["proof"]["root_hash"]:
        fault("the proof of a transaction does not lead to its root")
    header = node.ask("header", height=found["height"])["header"]
    if header["data_hash"] != found["proof"]["root_hash"]:
        fault("the proof's root is not that of its block")
    # LEDGER 17.2: a record under the app hash of the next header.
    node.wait(int(found["height"]) + 1)
    answer = node.ask("abci_query", path="/key", data="03", prove=True)["response"]
    app, state = base64.b64decode(answer["proofOps"]["ops"][1]["data"]), base64.b64decode(answer["proofOps"]["ops"][0]["data"])
    app_hash = sha256(b"\1" + leaf(app[:32]) + leaf(app[32:]))
    if base64.b64encode(app_hash).decode() != node.ask("abci_info")["response"]["last_block_app_hash"]:
        fault("the roots do not make the app hash")
    key, value = bytes([3]), base64.b64decode(answer["value"])
    at = sha256(b"\2" + sha256(key) + sha256(value))
    steps, k = int.from_bytes(state[1:3], "little"), sha256(key)
    for i in reversed(range(steps)):
        bit, sibling = state[3 + 33 * i], state[4 + 33 * i:36 + 33 * i]
        right = k[bit // 8] >> (7 - bit % 8) & 1
        at = sha256(b"\3" + bit.to_bytes(2, "little") + (sibling + at if right else at + sibling))
    if state[0] != 1 or at != app[:32]:
        fault("the proof of a record does not lead to the state root")
    none = node.ask("abci_query", path="/key", data="00ff", prove=True)["response"]
    if none["code"] != 1 or base64.b64decode(none["proofOps"]["ops"][0]["data"])[0] != 2:
        fault("a key that is not there", none)


def prefix(node, data):
    """A page, and of which height it is."""
    response = node.ask("abci_query", path="/prefix", data=data)["response"]
    return base64.b64decode(response["value"]), response["height"]


def check_paths(node):
    """TRANSFER 1."""
    while True:
        whole, height = prefix(node, "e8030000" + "0000")
        rows, at = [], 5
        while at < len(whole):
            n = whole[at]
            m = int.from_bytes(whole[at + 1 + n:at + 5 + n], "little")
            rows.append((whole[at + 1:at + 1 + n], whole[at + 5 + n:at + 5 + n + m]))
            at += 5 + n + m
        if whole[0] != 0 or int.from_bytes(whole[1:5], "little") != len(rows) or rows != sorted(rows) or len(rows) < 5:
            fault("/prefix of everything", whole[:5], len(rows))
        one, after = [], b""
        while True:
            page, later = prefix(node, ("01000000" + "0000") + after.hex())
            if int.from_bytes(page[1:5], "little") == 0:
                break
            after = page[6:6 + page[5]]
            one.append(after)
            if not page[0]:
                break
        if later == height:  # no block came in between, which brings a row
            break
    if one != [key for key, value in rows]:
        fault("/prefix a row at a time", len(one), len(rows))
    for key, value in rows:
        answer = node.ask("abci_query", path="/key", data=key.hex())["response"]
        if base64.b64decode(answer["value"] or "") != value and key[0] not in (3, 6):
            fault("/key", key.hex())
    for path, data, code in (("/key", "", 2), ("/key", "00ff", 1), ("/prefix", "00", 2), ("/prefix", "000000000000", 2),
                             ("/receipt", "00", 2), ("/receipt", "ff" * 8, 1), ("/nope", "", 3), ("", "", 3)):
        answer = node.ask("abci_query", path=path, data=data)["response"]
        if answer["code"] != code or answer["value"]:
            fault("abci_query", path, data, answer)


def check_search(node, tx, account, height):
    for query, count in ((f"tx.hash='{sha256(tx).hex().upper()}'", 1), (f"tx.height={height}", 2), ("tx.height>100000", 0),
                         (f"transaction.account='{account}' AND tx.height={height}", 1), ("transaction.account='nobody'", 0),
                         (f"transaction.account='{account}' AND tx.height<{height}", 0)):
        found = node.ask("tx_search", query=query)
        if int(found["total_count"]) != count or len(found["txs"]) != count:
            fault("tx_search", query, "found", found["total_count"], "not", count)
    every = node.ask("tx_search", query=f"transaction.account='{account}'", order_by="desc", per_page="2", page="1")
    heights = [int(t["height"]) for t in every["txs"]]
    if heights != sorted(heights, reverse=True) or len(heights) != 2:
        fault("tx_search desc", heights)
    for query in ("a=='", "task.id='x'", "tx.height>TIME 2020-01-01T00:00:00Z", "tx.height", "", "x" * 600):
        answer = node.post({"jsonrpc": "2.0", "id": 1, "method": "tx_search", "params": {"query": query}})[2]
        if answer.get("error", {}).get("code") != -32603:
            fault("tx_search", query, answer)


def check_chain(node):
    """Every header names the one before; times rise; the validator signed every one."""
    while len(node.ask("block")["block"]["data"]["txs"]) > 1:  # until the block after the last transaction's, which has none
        time.sleep(0.02)
    last, before = node.height(), None
    for h in range(1, last + 1):
        block = node.ask("block", height=str(h))
        commit = node.ask("commit", height=str(h))
        header = block["block"]["header"]
        if before:
            if header["last_block_id"] != before["block_id"] or header["time"][:-1] <= before["block"]["header"]["time"][:-1]:
                fault("block", h, "does not follow the one before:", header["last_block_id"], before["block_id"], header["time"], before["block"]["header"]["time"])
            results = node.ask("block_results", height=str(h - 1))
            if base64.b64decode(results["app_hash"]).hex().upper() != header["app_hash"]:
                fault("block", h, "does not carry the app hash of the one before")
        if commit["signed_header"]["commit"]["block_id"] != block["block_id"] or commit["canonical"] != (h < last):
            fault("commit", h)
        if node.post({"jsonrpc": "2.0", "id": 1, "method": "block_by_hash", "params": {
                "hash": base64.b64encode(bytes.fromhex(block["block_id"]["hash"])).decode()}})[2]["result"] != block:
            fault("block_by_hash", h)
        before = block


def check_forms(node):
    """The frame of questions: batches, notifications, bounds."""
    status, kind_of, answer = node.post([{"jsonrpc": "2.0", "id": i, "method": "health"} for i in range(10)])
    if status != 200 or [a["id"] for a in answer] != list(range(10)):
        fault("a batch of ten", answer)
    answer = node.post([{"jsonrpc": "2.0", "id": 1, "method": "nope"}, {"jsonrpc": "2.0", "method": "health"}, {"jsonrpc": "2.0", "id": "a", "method": "health"}])[2]
    if [a["id"] for a in answer] != [1, "a"]:
        fault("a batch with a notification", answer)
    for body, code in (("[]", -32600), ("1", -32700), ('"x"', -32700), ("[1]", -32700), ("{}", -32601), ("", -32700), ("{\"id\":1.5}", -32700),
                       ("[" * 5000, -32700), ('{"jsonrpc":"2.0","id":1,"method":"block","params":["1","2"]}', -32602),
                       ('{"jsonrpc":"2.0","id":1,"method":"subscribe","params":["tm.event=\'Tx\'"]}', -32601),
                       ('{"jsonrpc":"2.0","id":1,"method":"block","params":7}', -32602),
                       ('{"jsonrpc":"2.0","id":1,"method":"block","params":{"height":"18446744073709551616"}}', -32602),
                       ('{"jsonrpc":"2.0","id":1,"method":"block","params":{"height":"-1"}}', -32602),
                       ('{"jsonrpc":"2.0","id":1,"method":"block","params":{"height":"0"}}', -32603),
                       ('{"jsonrpc":"2.0","id":1,"method":"tx","params":{"hash":"%%"}}', -32602),
                       ('{"jsonrpc":"2.0","id":1,"method":"abci_query","params":{"data":"0"}}', -32602)):
        answer = node.post(body)[2]
        answer = answer[0] if isinstance(answer, list) else answer
        if answer.get("error", {}).get("code") != code:
            fault("POST", body[:80], answer)
    if node.http("PUT", "/")[0] != 405 or node.http("GET", "/subscribe?query=%22x%22")[0] != 404:
        fault("PUT or GET /subscribe")
    if node.http("GET", "/")[0] != 200:
        fault("GET /")


def check_websocket(node, owner):
    frames = sample("websocket_frames")
    socket = Socket(node.port)
    for i, name in enumerate(("NewBlock", "Tx", "NewBlockHeader", "NewBlockEvents"), 1):
        socket.send({"jsonrpc": "2.0", "id": i, "method": "subscribe", "params": {"query": f"tm.event='{name}'"}})
        if socket.receive() != {"jsonrpc": "2.0", "id": i, "result": {}}:
            fault("subscribe", name)
    socket.send({"jsonrpc": "2.0", "id": 5, "method": "subscribe", "params": {"query": "tm.event="}})
    if socket.receive().get("error", {}).get("code") != -32603:
        fault("a bad query")
    tx = owner.transfer(bytes(32))
    node.send(tx)
    seen = {}
    while not ("Tx" in seen and "NewBlock" in seen and "NewBlockHeader" in seen and "NewBlockEvents" in seen):
        frame = socket.receive()
        name = frame["result"]["events"]["tm.event"][0]
        if name == "Tx" and frame["result"]["events"]["tx.hash"] != [sha256(tx).hex().upper()]:
            continue
        seen[name] = frame
    for frame in frames[5:9]:
        name = frame["result"]["events"]["tm.event"][0]
        if seen[name]["id"] != {"NewBlock": 1, "Tx": 2, "NewBlockHeader": 3, "NewBlockEvents": 4}[name]:
            fault("id of", name)
        same_shape("websocket " + name, seen[name], frame)
    socket.send({"jsonrpc": "2.0", "id": 6, "method": "unsubscribe", "params": {"query": "tm.event='NewBlock'"}})
    socket.send({"jsonrpc": "2.0", "id": 7, "method": "unsubscribe_all", "params": {}})
    socket.send({"jsonrpc": "2.0", "id": 8, "method": "status", "params": {}})
    got = {}
    while 8 not in got:
        frame = socket.receive()
        if frame["id"] > 5:
            got[frame["id"]] = frame
    if got[6]["result"] != {} or got[7]["result"] != {} or got[8]["result"]["node_info"]["network"] != "assay-solo":
        fault("unsubscribe", got)
    # What is asked for with more than the kind.
    socket.send({"jsonrpc": "2.0", "id": 9, "method": "subscribe", "params": {"query": f"tm.event='Tx' AND transaction.account='{node.ready['account']}'"}})
    socket.receive()
    node.send(owner.transfer(bytes(32)))
    if socket.receive()["result"]["events"].get("transaction.account") != [node.ready["account"]]:
        fault("a subscription by account")
    socket.send(b"x", 1)
    if socket.receive().get("error", {}).get("code") != -32700:
        fault("nonsense on a websocket")
    socket.close()
    try:
        Socket(node.port, "/other")
        fault("a websocket at another path")
    except ConnectionError:
        pass


def main():
    assay = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        node = Node(assay, os.path.join(folder, "node"))
        owner = node.owner()
        tx = owner.transfer(bytes(32), memo=b"hello")
        height = int(node.send(tx, "broadcast_tx_commit")["height"])
        node.wait(height + 1)
        for i in range(3):
            node.send(owner.transfer(bytes(32)), "broadcast_tx_commit")
        check_samples(node, tx, height)
        check_broadcast(node, owner)
        check_proofs(node, tx)
        check_paths(node)
        check_search(node, tx, node.ready["account"], height)
        check_forms(node)
        check_websocket(node, owner)
        check_chain(node)
        node.stop()
    print(f"{len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
