// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package when

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
)

const (
	// MaxLength is how many characters an expression may have.
	MaxLength = 1024
	// maxEstimate is what an expression may cost at most, as estimated from sizes that
	// callers can be expected to send, and maxCost what one evaluation may cost whatever
	// they send. A hundred thousand units take some milliseconds.
	maxEstimate, maxCost = 100_000, 100_000
	// expectedItems and expectedText are the sizes that the estimate is made with.
	expectedItems, expectedText = 64, 256
)

// The variables of an expression. Those of the caller are declared one by one, so that
// a misspelt one does not compile.
const (
	varRole    = "caller.role"
	varSubject = "caller.subject"
	varEmail   = "caller.email"
	varIssuer  = "caller.issuer"
	varClaims  = "caller.claims"
	varArgs    = "args"
	varTool    = "tool"
	varNow     = "now"
)

var environment = sync.OnceValues(func() (*cel.Env, error) {
	anything := cel.MapType(cel.StringType, cel.DynType)
	return cel.NewEnv(
		cel.Variable(varRole, cel.StringType), cel.Variable(varSubject, cel.StringType), cel.Variable(varEmail, cel.StringType), cel.Variable(varIssuer, cel.StringType),
		cel.Variable(varClaims, anything), cel.Variable(varArgs, anything), cel.Variable(varTool, cel.StringType), cel.Variable(varNow, cel.TimestampType),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.EagerlyValidateDeclarations(true),
		cel.ParserExpressionSizeLimit(MaxLength), cel.ParserRecursionLimit(64),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
	)
})

// Error says where an expression cannot be used and why. Line and Column count from 1;
// both are 0 where it is about the expression as a whole.
type Error struct {
	Line, Column int
	Message      string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Program is a compiled expression. It is immutable and safe for concurrent use.
type Program struct {
	program cel.Program
	args    bool
}

// MentionsArgs says whether the arguments of a call can make a difference.
func (p *Program) MentionsArgs() bool { return p.args }

// Compile compiles an expression. Its errors are *Error.
func Compile(expression string) (*Program, error) {
	env, err := environment()
	if err != nil {
		return nil, &Error{Message: "the environment of expressions cannot be made"}
	}
	if len(expression) > 4*MaxLength || len([]rune(expression)) > MaxLength {
		return nil, &Error{Message: fmt.Sprintf("the expression is longer than %d characters", MaxLength)}
	}
	compiled, issues := env.Compile(expression)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		message, _, _ := strings.Cut(first.Message, "\n")
		if first.Location.Line() < 1 { // such as one that nests too deeply
			return nil, &Error{Message: message}
		}
		return nil, &Error{Line: first.Location.Line(), Column: first.Location.Column() + 1, Message: message}
	}
	if t := compiled.OutputType(); !t.IsExactType(types.BoolType) {
		return nil, &Error{Line: 1, Column: 1, Message: fmt.Sprintf("the expression must be a bool and is a %s; compare it, such as with `== true`", t)}
	}
	used, err := inspect(compiled.NativeRep())
	if err != nil {
		return nil, err
	}
	estimate, err := env.EstimateCost(compiled, sizes{})
	if err != nil {
		return nil, &Error{Message: "the cost of the expression cannot be estimated"}
	}
	if estimate.Max > maxEstimate {
		return nil, &Error{Message: fmt.Sprintf("the expression can cost too much: loops within loops, and comparisons of long lists, must go (estimated at %s, allowed %d)", units(estimate.Max), maxEstimate)}
	}
	program, err := env.Program(compiled, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, &Error{Message: "the expression cannot be planned: a constant in it is not valid"}
	}
	return &Program{program: program, args: used}, nil
}

func units(n uint64) string {
	if n > math.MaxInt32 {
		return "more than 2 thousand million"
	}
	return fmt.Sprint(n)
}

// inspect says whether an expression uses the arguments, and refuses what callers could
// make expensive: a pattern that is not written in the expression.
func inspect(tree *ast.AST) (args bool, err error) {
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			args = args || e.AsIdent() == varArgs
		case ast.CallKind:
			call := e.AsCall()
			pattern := call.Args()
			if call.FunctionName() != overloads.Matches || len(pattern) == 0 || pattern[len(pattern)-1].Kind() == ast.LiteralKind || err != nil {
				return
			}
			at := tree.SourceInfo().GetStartLocation(e.ID())
			err = &Error{Line: at.Line(), Column: at.Column() + 1, Message: "the pattern of `matches` must be a text in quotes"}
		default:
		}
	}))
	return args, err
}

// sizes are what the estimate goes by where an expression does not say it.
type sizes struct{}

func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	switch kind := node.Type().Kind(); kind {
	case types.StringKind, types.BytesKind:
		return &checker.SizeEstimate{Max: expectedText}
	default:
		return &checker.SizeEstimate{Max: expectedItems}
	}
}

func (sizes) EstimateCallCost(function, _ string, _ *checker.AstNode, _ []checker.AstNode) *checker.CallEstimate {
	if function == operators.In {
		return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Min: 1, Max: expectedItems}}
	}
	return nil
}

// remembered bounds how many results Check keeps.
const remembered = 4096

var checked = struct {
	sync.Mutex
	errors map[string]error
}{errors: map[string]error{}}

// Check says whether an expression compiles, as Compile does. It remembers, because
// every pass of the operator looks at every rule.
func Check(expression string) error {
	checked.Lock()
	err, known := checked.errors[expression]
	checked.Unlock()
	if known {
		return err
	}
	_, err = Compile(expression)
	checked.Lock()
	defer checked.Unlock()
	if len(checked.errors) >= remembered {
		clear(checked.errors)
	}
	checked.errors[expression] = err
	return err
}
