// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOnlyTheLoopWritesStatusAndRequeues walks the source of the controllers: a second loop
// beside this one would have conditions, requeues and deletions of its own.
func TestOnlyTheLoopWritesStatusAndRequeues(t *testing.T) {
	root := filepath.Join("..", "..", "controllers")
	walked := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		walked++
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, found := range loopsIn(files, file) {
			t.Error(found)
		}
		return nil
	})
	if err != nil || walked < 20 {
		t.Fatalf("walked %d files: %v", walked, err)
	}
}

func TestASecondLoopIsFound(t *testing.T) {
	const source = `package x

func (r *own) Reconcile(ctx context.Context, o *v1.Thing) (reconcile.Result, error) {
	_ = r.client.Status().Patch(ctx, o, p)
	_ = r.client.Status().Update(ctx, o)
	_ = r.client.Status().Apply(ctx, o)
	var late reconcile.Result
	late.RequeueAfter = 1
	return reconcile.Result{RequeueAfter: 1}, nil
}

func Reconcile() { r.client.Patch(ctx, o, p); o.Status = s; obj.Status(ctx).Patch(p) }
`
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "own.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"own.go:3: a method Reconcile", "own.go:4: Status().Patch", "own.go:5: Status().Update", "own.go:6: Status().Apply",
		"own.go:8: RequeueAfter", "own.go:9: RequeueAfter",
	}
	if diff := cmp.Diff(want, loopsIn(files, file)); diff != "" {
		t.Error(diff)
	}
}

// loopsIn finds what only the loop may have.
func loopsIn(files *token.FileSet, file *ast.File) []string {
	var out []string
	found := func(n ast.Node, what string) {
		at := files.Position(n.Pos())
		out = append(out, fmt.Sprintf("%s:%d: %s", filepath.ToSlash(at.Filename), at.Line, what))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv != nil && n.Name.Name == "Reconcile" {
				found(n, "a method Reconcile")
			}
		case *ast.Ident:
			if n.Name == "RequeueAfter" {
				found(n, "RequeueAfter")
			}
		case *ast.SelectorExpr:
			if call, ok := n.X.(*ast.CallExpr); ok && len(call.Args) == 0 {
				if status, ok := call.Fun.(*ast.SelectorExpr); ok && status.Sel.Name == "Status" {
					found(n, "Status()."+n.Sel.Name)
				}
			}
		}
		return true
	})
	return out
}

// TestKindsLookAlike: a reader who knows the files of one kind knows those of every other. A
// kind that owns nothing plans and applies nothing; what it reports is in one of the files.
func TestKindsLookAlike(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join("..", "..", "controllers", "*", "controller.go"))
	if err != nil || len(folders) < 10 {
		t.Fatalf("found %d kinds: %v", len(folders), err)
	}
	owning := 0
	for _, controller := range folders {
		folder := filepath.Dir(controller)
		kind := filepath.Base(folder)
		has := func(file string) bool {
			found, err := filepath.Glob(filepath.Join(folder, file))
			return err == nil && len(found) == 1
		}
		want := []string{"doc.go", "report.go"}
		if has("apply.go") || has("plan.go") {
			owning++
			want = []string{"doc.go", "gather.go", "desired.go", "observe.go", "plan.go", "apply.go", "report.go", "plan_test.go"}
		}
		for _, file := range want {
			if !has(file) {
				t.Errorf("controllers/%s has no %s", kind, file)
			}
		}
	}
	if owning < 5 {
		t.Errorf("%d kinds own something", owning)
	}
}
