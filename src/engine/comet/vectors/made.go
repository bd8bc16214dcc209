// Writes made.json: blocks drawn at random, hashed and encoded by CometBFT's own types. Not part of the build. To write
// it again, in an empty folder with this file:
//
//	go mod init vectors && go get github.com/cometbft/cometbft@v0.38.25 && go run . >made.json
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
)

type M map[string]interface{}

func h(b []byte) string { return hex.EncodeToString(b) }

func main() {
	r := rand.New(rand.NewSource(38))
	random := func(n int) []byte { b := make([]byte, n); r.Read(b); return b }
	out := []M{}
	for k, shape := range [][3]int{{1, 0, 0}, {1, 1, 300}, {2, 2, 40}, {3, 3, 1}, {4, 5, 50000}, {7, 8, 20}, {9, 17, 9000}, {13, 33, 5}} {
		nval, ntx, txb := shape[0], shape[1], shape[2]
		vals := []*types.Validator{}
		privs := map[string]ed25519.PrivKey{}
		for i := 0; i < nval; i++ {
			p := ed25519.GenPrivKeyFromSecret(random(32))
			power := int64(1 + r.Intn(3))
			if i == 5 {
				power = 1 << 40
			}
			v := types.NewValidator(p.PubKey(), power)
			vals = append(vals, v)
			privs[v.Address.String()] = p
		}
		set := types.NewValidatorSet(vals)
		chain := []string{"assay-1", "x", "a-chain-with-the-longest-name-that-fits-in-fifty--"}[k%3]
		height := []int64{1, 2, 127, 128, 1 << 40, 300, 70000, 9}[k]
		last := types.BlockID{}
		commit := &types.Commit{}
		flags := []int{}
		if height > 1 {
			last = types.BlockID{Hash: random(32), PartSetHeader: types.PartSetHeader{Total: uint32(1 + r.Intn(200)), Hash: random(32)}}
			sigs := []types.CommitSig{}
			round := int32(r.Intn(3) * 100)
			for i, v := range set.Validators {
				flag := r.Intn(4)
				if flag == 0 && i > 0 {
					sigs = append(sigs, types.NewCommitSigAbsent())
					flags = append(flags, 1)
					continue
				}
				ts := time.Unix(int64(r.Intn(2000000000)), int64(r.Intn(3))*int64(r.Intn(1000000000))).UTC()
				id := last
				f := types.BlockIDFlagCommit
				if flag == 1 && i > 0 {
					id = types.BlockID{}
					f = types.BlockIDFlagNil
				}
				vote := &cmtproto.Vote{Type: cmtproto.PrecommitType, Height: height - 1, Round: round, BlockID: id.ToProto(), Timestamp: ts}
				sig, err := privs[v.Address.String()].Sign(types.VoteSignBytes(chain, vote))
				if err != nil {
					panic(err)
				}
				sigs = append(sigs, types.CommitSig{BlockIDFlag: f, ValidatorAddress: v.Address, Timestamp: ts, Signature: sig})
				flags = append(flags, int(f))
			}
			commit = &types.Commit{Height: height - 1, Round: round, BlockID: last, Signatures: sigs}
		}
		txs := types.Txs{}
		results := []*abci.ExecTxResult{}
		for i := 0; i < ntx; i++ {
			n := txb
			if i%3 == 1 {
				n = r.Intn(txb + 1)
			}
			t := make([]byte, n)
			for j := range t {
				t[j] = byte(31*i + 7*j + j>>8)
			}
			txs = append(txs, t)
			results = append(results, &abci.ExecTxResult{Code: uint32(r.Intn(3) * r.Intn(300)), Data: random(r.Intn(3) * 40), GasWanted: int64(r.Intn(2)) * int64(r.Intn(10000000)), GasUsed: r.Int63(), Log: "no part of it"})
		}
		block := types.MakeBlock(height, txs, commit, nil)
		res := types.NewResults(results)
		params := types.DefaultConsensusParams()
		params.Block.MaxBytes = int64(1 + r.Intn(30000000))
		if k%2 == 0 {
			params.Block.MaxGas = int64(r.Intn(100000000))
		}
		block.Header.Populate(version.Consensus{Block: 11, App: uint64(k)}, chain, time.Unix(1790000000+int64(k), int64(k)*111111111).UTC(), last,
			set.Hash(), set.Hash(), params.Hash(), random(32), res.Hash(), set.Validators[0].Address)
		pb, err := block.ToProto()
		if err != nil {
			panic(err)
		}
		bytes, err := pb.Marshal()
		if err != nil {
			panic(err)
		}
		parts, err := block.MakePartSet(types.BlockPartSizeBytes)
		if err != nil {
			panic(err)
		}
		cb, _ := commit.ToProto().Marshal()
		hb, _ := block.Header.ToProto().Marshal()
		m := M{"chain_id": chain, "height": fmt.Sprint(height), "header": h(hb), "header_hash": h(block.Header.Hash()), "time": block.Header.Time.Format(time.RFC3339Nano),
			"block_length": len(bytes), "parts_total": parts.Total(), "parts_hash": h(parts.Hash()), "commit": h(cb), "commit_hash": h(commit.Hash()),
			"data_hash": h(txs.Hash()), "results_hash": h(res.Hash()), "validators_hash": h(set.Hash()), "params_hash": h(params.Hash()),
			"max_bytes": fmt.Sprint(params.Block.MaxBytes), "max_gas": fmt.Sprint(params.Block.MaxGas)}
		if len(bytes) < 20000 {
			m["block"] = h(bytes)
		}
		vs := []M{}
		for i, v := range set.Validators {
			e := M{"key": h(v.PubKey.Bytes()), "power": fmt.Sprint(v.VotingPower), "address": h(v.Address)}
			if height > 1 && flags[i] != 1 {
				e["sign_bytes"] = h(commit.VoteSignBytes(chain, int32(i)))
			}
			vs = append(vs, e)
		}
		m["validators"] = vs
		ts := []string{}
		for _, t := range txs {
			ts = append(ts, fmt.Sprint(len(t)))
		}
		m["transactions"] = ts
		rs := []M{}
		for _, x := range results {
			rs = append(rs, M{"code": x.Code, "data": h(x.Data), "gas_wanted": fmt.Sprint(x.GasWanted), "gas_used": fmt.Sprint(x.GasUsed)})
		}
		m["results"] = rs
		if ntx > 0 && len(bytes) < 20000 {
			ps := []M{}
			for i := range txs {
				p := txs.Proof(i)
				aunts := []string{}
				for _, a := range p.Proof.Aunts {
					aunts = append(aunts, h(a))
				}
				ps = append(ps, M{"leaf": h(p.Proof.LeafHash), "aunts": aunts})
			}
			m["proofs"] = ps
		}
		out = append(out, m)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", " ")
	e.Encode(out)
}
