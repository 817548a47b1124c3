// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func (e *site) order(body string) {
	e.t.Helper()
	res, err := http.Post(e.admin.URL+"/admin/faults", "application/json", strings.NewReader(body)) //nolint:noctx // a test
	if err != nil {
		e.t.Fatal(err)
	}
	if res.StatusCode != http.StatusCreated {
		e.t.Fatalf("order a fault: %v", decode(e.t, res))
	}
	_ = res.Body.Close()
}

// create makes a service principal of the name x.
const create = `{"displayName":"x"}`

// created is how many service principals of the name x exist.
func (e *site) created() float64 {
	e.t.Helper()
	_, list := e.call("GET", "/scim/v2/ServicePrincipals?filter="+url.QueryEscape(`displayName eq "x"`), "")
	return list["totalResults"].(float64)
}

func TestAResetLeavesWhatItsStageSays(t *testing.T) {
	for stage, want := range map[string]float64{"before_commit": 0, "after_commit": 1} {
		t.Run(stage, func(t *testing.T) {
			e := start(t, "")
			e.order(`{"match":{"method":"POST","path_regex":"ServicePrincipals$"},"stage":"` + stage + `","action":"reset"}`)
			if _, err := e.try("POST", "/scim/v2/ServicePrincipals", create); err == nil {
				t.Error("the call was answered")
			}
			if n := e.created(); n != want {
				t.Errorf("%v exist", n)
			}
		})
	}
}

func TestAfterTheReplyNothingIsAnsweredUntilReleased(t *testing.T) {
	e := start(t, "")
	called := make(chan struct{}, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{} }))
	defer hook.Close()
	e.order(`{"match":{"method":"POST","path_regex":"ServicePrincipals$"},"stage":"after_reply","action":"hook","hook_url":"` + hook.URL + `"}`)
	if status, _ := e.call("POST", "/scim/v2/ServicePrincipals", create); status != 201 {
		t.Errorf("answered %d", status)
	}
	<-called
	if _, err := e.try("GET", "/scim/v2/ServicePrincipals", ""); err == nil {
		t.Error("a later call was answered")
	}
	res, err := http.Post(e.admin.URL+"/admin/release", "", nil) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if n := e.created(); n != 1 {
		t.Errorf("%v exist", n)
	}
}

func TestTheSecondCallIsLimitedAndTheThirdIsNot(t *testing.T) {
	e := start(t, "")
	e.order(`{"match":{"path_regex":"Groups$","nth":2},"stage":"before_commit","action":"status","status":429,"retry_after":"7"}`)
	for i, want := range []int{200, 429, 200} {
		res, err := e.try("GET", "/scim/v2/Groups", "")
		if err != nil {
			t.Fatal(err)
		}
		decode(t, res)
		if res.StatusCode != want || want == 429 && res.Header.Get("Retry-After") != "7" {
			t.Errorf("call %d answered %d", i+1, res.StatusCode)
		}
	}
}

func TestATruncatedAnswerCannotBeReadToItsEnd(t *testing.T) {
	e := start(t, "")
	e.order(`{"match":{"path_regex":"Groups$"},"stage":"after_commit","action":"truncate"}`)
	res, err := e.try("GET", "/scim/v2/Groups", "")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("the answer was whole")
	}
}

func TestAHeldCallWaits(t *testing.T) {
	e := start(t, "")
	e.order(`{"match":{"method":"POST","path_regex":"ServicePrincipals$"},"stage":"after_commit","action":"hold"}`)
	done := make(chan int, 1)
	go func() {
		res, err := e.try("POST", "/scim/v2/ServicePrincipals", create)
		if err != nil {
			done <- 0
			return
		}
		_ = res.Body.Close()
		done <- res.StatusCode
	}()
	res, err := http.Get(e.admin.URL + "/admin/holds?wait=30") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	var holds []map[string]any
	if err := json.NewDecoder(res.Body).Decode(&holds); err != nil || len(holds) != 1 {
		t.Fatalf("held %v, %v", holds, err)
	}
	_ = res.Body.Close()
	if n := e.created(); n != 1 {
		t.Errorf("%v exist while held after commit", n)
	}
	release, err := http.Post(e.admin.URL+"/admin/release?id="+holds[0]["id"].(string), "", nil) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	_ = release.Body.Close()
	if status := <-done; status != 201 {
		t.Errorf("released, the call got %d", status)
	}
}
