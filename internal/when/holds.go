// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package when

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// Caller is who calls, as verified.
type Caller struct {
	Role, Subject, Email, Issuer string
	// Claims are those of the verified token.
	Claims Values
}

// Input is what an expression decides from.
type Input struct {
	Caller Caller
	Args   Values
	Tool   string
	Now    time.Time
}

// Values are named values as expressions see them. The zero value holds nothing.
type Values struct{ val ref.Val }

// ValuesOf makes Values of decoded JSON, whose numbers are json.Number: whole ones that
// fit become int, others double. It keeps none of what it is given.
func ValuesOf(decoded map[string]any) Values {
	return Values{types.DefaultTypeAdapter.NativeToValue(convert(decoded))}
}

func (v Values) value() ref.Val {
	if v.val == nil {
		return types.DefaultTypeAdapter.NativeToValue(map[string]any{})
	}
	return v.val
}

func convert(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64() // out of range becomes infinite
		return f
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, one := range v {
			out[k] = convert(one)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = convert(one)
		}
		return out
	}
	return v
}

// Problem says why an expression gave no answer. It is one of a few words and holds
// no value.
type Problem string

// The problems of an evaluation.
const (
	// ProblemMissing: a claim or an argument that the expression uses is not there.
	ProblemMissing Problem = "missing key"
	// ProblemCost: the evaluation cost more than one may.
	ProblemCost Problem = "cost limit"
	// ProblemEnded: the call ended meanwhile.
	ProblemEnded Problem = "interrupted"
	// ProblemType: a value has another type than the expression needs.
	ProblemType Problem = "type"
	// ProblemOther: something else, such as a division by zero.
	ProblemOther Problem = "evaluation error"
)

func (p Problem) Error() string { return string(p) }

// Holds says whether an expression is true. An error is a Problem, and a no.
func (p *Program) Holds(ctx context.Context, in Input) (holds bool, err error) {
	defer func() {
		if recover() != nil { // the library turns panics into errors; a no must not hang on that
			holds, err = false, ProblemOther
		}
	}()
	out, _, err := p.program.ContextEval(ctx, map[string]any{
		varRole: in.Caller.Role, varSubject: in.Caller.Subject, varEmail: in.Caller.Email, varIssuer: in.Caller.Issuer, varClaims: in.Caller.Claims.value(),
		varArgs: in.Args.value(), varTool: in.Tool, varNow: in.Now,
	})
	if err != nil {
		return false, problem(ctx, err)
	}
	yes, ok := out.(types.Bool)
	if !ok {
		return false, ProblemType
	}
	return bool(yes), nil
}

// problem sorts an error of the library, whose text can hold values.
func problem(ctx context.Context, err error) Problem {
	if cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err); ok {
		if cancelled.Cause == interpreter.CostLimitExceeded {
			return ProblemCost
		}
		return ProblemEnded
	}
	text := err.Error()
	switch {
	case ctx.Err() != nil:
		return ProblemEnded
	case strings.HasPrefix(text, "no such key"), strings.HasPrefix(text, "no such attribute"):
		return ProblemMissing
	case strings.HasPrefix(text, "no such overload"), strings.HasPrefix(text, "type conversion error"), strings.HasPrefix(text, "unsupported"):
		return ProblemType
	case strings.Contains(text, "actual cost limit exceeded"):
		return ProblemCost
	}
	return ProblemOther
}
