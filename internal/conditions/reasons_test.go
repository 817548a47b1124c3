// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package conditions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// root is the top of the tree, seen from this package.
const root = "../.."

// TestEveryReasonIsAConstantOfTheAPI holds that a reason which a condition or an event
// can carry is declared and documented in api/v1alpha1: scripts and alerts match reasons,
// so a new one must be a decision. Packages that may not import the API repeat the
// constant under the same value.
func TestEveryReasonIsAConstantOfTheAPI(t *testing.T) {
	declared := declaredReasons(t)
	if len(declared) < 40 {
		t.Fatalf("found %d reasons in api/v1alpha1; the walk does not see them", len(declared))
	}
	seen := 0
	for _, dir := range []string{"cmd", "controllers", "internal", "mcp"} {
		walkFiles(t, filepath.Join(root, dir), func(files *token.FileSet, f *ast.File) {
			for _, r := range literalReasons(f) {
				seen++
				if r.constant && declared[r.value] {
					continue
				}
				want := "use a constant of api/v1alpha1"
				if r.constant {
					want = "declare it in api/v1alpha1/conditions.go, with a comment"
				}
				t.Errorf("%s: the reason %q is written out: %s", files.Position(r.at), r.value, want)
			}
		})
	}
	if seen == 0 {
		t.Error("found no reason in the code; the walk does not see them")
	}
}

// declaredReasons are the values of the constants Reason... and EventReason... of the API.
func declaredReasons(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	walkFiles(t, filepath.Join(root, "api", "v1alpha1"), func(files *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !isReason(spec.Names[0].Name) {
				return true
			}
			if strings.TrimSpace(spec.Doc.Text()) == "" {
				t.Errorf("%s: %s has no comment", files.Position(spec.Pos()), spec.Names[0].Name)
			}
			if v, ok := literal(spec.Values[0]); ok {
				out[v] = true
			}
			return true
		})
	})
	return out
}

func isReason(name string) bool {
	return strings.HasPrefix(name, "Reason") || strings.HasPrefix(name, "EventReason")
}

// reason is a text in the code that becomes the reason of a condition or an event.
type reason struct {
	value string
	at    token.Pos
	// constant says that it is the value of a constant Reason..., in a package that may not import the API.
	constant bool
}

// literalReasons are those of a file: constants named so, and texts in the place of a reason.
func literalReasons(f *ast.File) []reason {
	var out []reason
	add := func(e ast.Expr, constant bool) {
		if v, ok := literal(e); ok && v != "" {
			out = append(out, reason{v, e.Pos(), constant})
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if isReason(name.Name) && i < len(n.Values) {
					add(n.Values[i], true)
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Reason" {
				add(n.Value, false)
			}
		case *ast.CallExpr:
			if i, ok := reasonArgument(n); ok && i < len(n.Args) {
				add(n.Args[i], false)
			}
		}
		return true
	})
	return out
}

// reasonArgument says which argument of a call is a reason: of the constructors of
// package fault the first, of a condition that is put the third, of an event the fourth.
func reasonArgument(call *ast.CallExpr) (int, bool) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return 0, false
	}
	if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "fault" {
		switch selector.Sel.Name {
		case "Invalid", "Denied", "Conflict", "Waiting", "Transient", "Progressing":
			return 0, true
		}
	}
	switch selector.Sel.Name {
	case "Put":
		return 2, len(call.Args) == 4
	case "Eventf":
		return 3, true
	}
	return 0, false
}

func literal(e ast.Expr) (string, bool) {
	basic, ok := e.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	v, err := strconv.Unquote(basic.Value)
	return v, err == nil
}

// walkFiles parses every file of a folder that is neither a test nor generated.
func walkFiles(t *testing.T, dir string, visit func(*token.FileSet, *ast.File)) {
	t.Helper()
	files := token.NewFileSet()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
