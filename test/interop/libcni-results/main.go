// Command libcni-results converts results of CNI plugins with the code that libcni has for it: a request a line comes in, a result a line goes out.
package main

import (
	"encoding/json"
	"os"

	_ "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
)

type request struct {
	From   string          `json:"from"`
	To     string          `json:"to"`
	Result json.RawMessage `json:"result"`
}

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var asked request
		must(in.Decode(&asked))
		result, err := create.Create(asked.From, asked.Result)
		must(err)
		converted, err := result.GetAsVersion(asked.To)
		must(err)
		must(out.Encode(converted))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
