// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package devgithub

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const site = "https://github.com/"

// repository is a repository with what can be found in it.
type repository struct {
	owner, name, description, language string
	stars                              int
	files                              map[string]string
}

func (r repository) fullName() string { return r.owner + "/" + r.name }

// repositories are all that there are.
var repositories = []repository{
	{"example", "gatehouse-handbook", "How the sales team works with governed data", "Markdown", 12, map[string]string{
		"docs/discounts.md": "Discounts above 20 percent need the approval of a manager.", "docs/regions.md": "Regions are WEST, EAST and NORTH.",
	}},
	{"example", "deal-importer", "Imports deals into the lakehouse", "Python", 48, map[string]string{
		"importer/deals.py": "def import_deals(path): ...", "importer/margin.py": "def margin_pct(cost, price): return 1 - cost / price",
	}},
	{"example", "pricing-model", "Pricing of deals by region and margin", "Python", 230, map[string]string{
		"model/train.py": "def train(deals): ...", "model/margin.py": "MARGIN_FLOOR = 0.18",
	}},
	{"sample-org", "rate-cards", "Rate cards of partners", "TypeScript", 5, map[string]string{"cards.ts": "export const cards = []"}},
}

// Handler answers calls that carry the token.
func Handler(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /search/repositories", searchRepositories)
	mux.HandleFunc("GET /search/code", searchCode)
	mux.HandleFunc("GET /repos/{owner}/{repo}", getRepository)
	mux.HandleFunc("GET /rate_limit", func(w http.ResponseWriter, _ *http.Request) {
		core := map[string]any{"limit": 5000, "remaining": 4999, "used": 1}
		write(w, http.StatusOK, map[string]any{"resources": map[string]any{"core": core}, "rate": core})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { problem(w, http.StatusNotFound, "Not Found") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			problem(w, http.StatusUnauthorized, "Bad credentials")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// page reads per_page and page, as GitHub bounds them.
func page(r *http.Request) (from, size int) {
	number := func(name string, absent, most int) int {
		n, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil || n < 1 {
			return absent
		}
		return min(n, most)
	}
	size = number("per_page", 30, 100)
	return (number("page", 1, 1000) - 1) * size, size
}

// search answers the entries that hold every word of the question.
func search(w http.ResponseWriter, r *http.Request, entries []map[string]any, text func(int) string) {
	words := strings.Fields(strings.ToLower(r.URL.Query().Get("q")))
	if len(words) == 0 {
		write(w, http.StatusUnprocessableEntity, map[string]any{
			"message": "Validation Failed", "errors": []any{map[string]string{"resource": "Search", "field": "q", "code": "missing"}}, "status": "422",
		})
		return
	}
	found := []map[string]any{}
	for i, e := range entries {
		low := strings.ToLower(text(i))
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(low, word) }) {
			found = append(found, e)
		}
	}
	from, size := page(r)
	total := len(found)
	from = min(from, total)
	write(w, http.StatusOK, map[string]any{"total_count": total, "incomplete_results": false, "items": found[from:min(from+size, total)]})
}

func searchRepositories(w http.ResponseWriter, r *http.Request) {
	sorted := slices.Clone(repositories)
	slices.SortFunc(sorted, func(a, b repository) int { return b.stars - a.stars })
	var entries []map[string]any
	for _, repo := range sorted {
		entries = append(entries, describe(repo))
	}
	search(w, r, entries, func(i int) string {
		return sorted[i].fullName() + " " + sorted[i].description + " language:" + sorted[i].language
	})
}

func searchCode(w http.ResponseWriter, r *http.Request) {
	var entries []map[string]any
	var texts []string
	for _, repo := range repositories {
		var paths []string
		for path := range repo.files {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		for _, path := range paths {
			entries = append(entries, map[string]any{
				"name": path[strings.LastIndex(path, "/")+1:], "path": path, "html_url": site + repo.fullName() + "/blob/main/" + path, "score": 1.0,
				"repository": map[string]any{"full_name": repo.fullName(), "html_url": site + repo.fullName()},
			})
			texts = append(texts, path+" "+repo.files[path]+" repo:"+repo.fullName())
		}
	}
	search(w, r, entries, func(i int) string { return texts[i] })
}

func getRepository(w http.ResponseWriter, r *http.Request) {
	for _, repo := range repositories {
		if repo.owner == r.PathValue("owner") && repo.name == r.PathValue("repo") {
			write(w, http.StatusOK, describe(repo))
			return
		}
	}
	problem(w, http.StatusNotFound, "Not Found")
}

func describe(r repository) map[string]any {
	return map[string]any{
		"name": r.name, "full_name": r.fullName(), "description": r.description, "html_url": site + r.fullName(), "language": r.language,
		"stargazers_count": r.stars, "private": false, "owner": map[string]any{"login": r.owner}, "default_branch": "main",
	}
}

func problem(w http.ResponseWriter, status int, message string) {
	write(w, status, map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": fmt.Sprint(status)})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
