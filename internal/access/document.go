// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// DocumentVersion is the version of the Document's shape. A pod refuses another.
const DocumentVersion = 1

// DocumentKey is the key of the Document in its ConfigMap, and its file name in the pod.
const DocumentKey = "access.json"

// Document is everything that a pod enforces. It is compiled once by the
// MCPServer controller, mounted into the pods and swapped there as a whole, so
// that all of it always belongs together. It holds no secret.
type Document struct {
	Version int `json:"version"`
	// Hash is the SHA-256, in hex, of the Document with this field empty.
	Hash string `json:"hash"`
	// Server is `<namespace>/<name>` of the MCPServer.
	Server  string `json:"server"`
	Pattern string `json:"pattern"`
	// Resource is the canonical URL of the server, which tokens must be issued for.
	Resource  string    `json:"resource"`
	Workspace Workspace `json:"workspace"`
	Issuers   []Issuer  `json:"issuers"`
	// Roles are keyed by `<namespace>/<name>`.
	Roles map[string]Role `json:"roles"`
	// Matrix holds, for each role, the names of the tools that it may call, sorted.
	Matrix map[string][]string `json:"matrix"`
	// Terms are those of the cells that are no plain yes, by role and tool: such a cell
	// says yes while one of its terms holds. A cell without terms says yes.
	Terms map[string]map[string][]Term `json:"terms,omitempty"`
	// Conditions are the CEL expressions that terms name, by `<ToolAccess>/<rule>`.
	Conditions map[string]string `json:"conditions,omitempty"`
	// Tools are sorted by name.
	Tools  []Tool `json:"tools"`
	Limits Limits `json:"limits"`
	// Dependencies are what the tools need of the workspace, sorted. Pods report whether it answers.
	Dependencies []Dependency `json:"dependencies,omitempty"`
	// Health is who asks for the dependencies; nil means that nobody can yet.
	Health *Health `json:"health,omitempty"`
	// DeniedSubjects are callers refused whatever their role.
	DeniedSubjects []Subject `json:"deniedSubjects,omitempty"`
}

// Workspace is where calls go.
type Workspace struct {
	Name        string `json:"name"`
	Host        string `json:"host"`
	CABundle    string `json:"caBundle,omitempty"`
	WarehouseID string `json:"warehouseID"`
}

// Issuer is one identity provider whose tokens count.
type Issuer struct {
	// Policy is `<namespace>/<name>` of the FederationPolicy.
	Policy    string   `json:"policy"`
	Issuer    string   `json:"issuer"`
	Audiences []string `json:"audiences"`
	// JWKSURI and JWKS are both empty when the keys are found by discovery.
	JWKSURI    string   `json:"jwksURI,omitempty"`
	JWKS       string   `json:"jwks,omitempty"`
	CABundle   string   `json:"caBundle,omitempty"`
	Algorithms []string `json:"algorithms"`
	// TokenType is AccessToken (RFC 9068) or JWT.
	TokenType      string   `json:"tokenType"`
	RoleClaim      string   `json:"roleClaim"`
	EmailClaim     string   `json:"emailClaim,omitempty"`
	NameClaim      string   `json:"nameClaim,omitempty"`
	AllowedClients []string `json:"allowedClients,omitempty"`
	// Network is Public or Any: from where keys may be fetched.
	Network string `json:"network"`
	// Subjects map the value of the role claim to a role, `<namespace>/<name>`.
	Subjects map[string]string `json:"subjects"`
}

// Role is a role as the pods know it.
type Role struct {
	// ApplicationID is the service principal's, used as client_id of the exchange.
	ApplicationID string `json:"applicationID"`
	// Scopes are asked for at the exchange, sorted.
	Scopes []string `json:"scopes"`
}

// Term is one way in which a cell of the matrix says yes.
type Term struct {
	// Until is when it ends, in UTC; absent means never.
	Until time.Time `json:"until,omitzero"`
	// Rule names the condition, among the document's, that must hold; absent means none.
	Rule string `json:"rule,omitempty"`
}

// Tool is one tool as the pods serve it. Exactly one of the type members is set.
type Tool struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description"`
	// InputSchema is a JSON Schema of type object.
	InputSchema json.RawMessage `json:"inputSchema"`
	ReadOnly    bool            `json:"readOnly"`
	Idempotent  bool            `json:"idempotent"`
	OpenWorld   bool            `json:"openWorld"`
	Destructive bool            `json:"destructive"`
	// Limits are those of this tool; nil means none.
	Limits       *ToolLimits       `json:"limits,omitempty"`
	Identity     *IdentityTool     `json:"identity,omitempty"`
	SQL          *SQLTool          `json:"sql,omitempty"`
	Genie        *GenieTool        `json:"genie,omitempty"`
	VectorSearch *VectorSearchTool `json:"vectorSearch,omitempty"`
	Serving      *ServingTool      `json:"serving,omitempty"`
	HTTP         *HTTPTool         `json:"http,omitempty"`
	Function     *FunctionTool     `json:"function,omitempty"`
}

// ToolLimits bound how often a tool is called; nil means no limit.
type ToolLimits struct {
	All       *Rate `json:"all,omitempty"`
	PerCaller *Rate `json:"perCaller,omitempty"`
}

// Rate is how many calls a pod, or with a shared store all pods, may let through in
// any window of time.
type Rate struct {
	Max          int32 `json:"max"`
	WindowMillis int64 `json:"windowMillis"`
	// Declared is how many in a minute were declared, for all pods together.
	Declared int32 `json:"declared"`
}

// GenieTool asks a Genie space.
type GenieTool struct {
	SpaceID string `json:"spaceID"`
}

// VectorSearchTool searches an index.
type VectorSearchTool struct {
	Index      string   `json:"index"`
	Columns    []string `json:"columns"`
	Filters    []Filter `json:"filters,omitempty"`
	QueryType  string   `json:"queryType"`
	MaxResults int32    `json:"maxResults"`
}

// Filter compares a column with an argument, or with a fixed value where Argument is empty.
type Filter struct {
	Column string `json:"column"`
	// Operator is as in the API: Equal, NotEqual, LessThan, LessOrEqual, GreaterThan, GreaterOrEqual.
	Operator string `json:"operator"`
	// Type is String, Number or Boolean.
	Type     string `json:"type"`
	Argument string `json:"argument,omitempty"`
	Value    string `json:"value,omitempty"`
}

// FixedValue returns the fixed value of a filter, in its type: a text, a json.Number, which
// keeps the digits, or a bool.
func (f Filter) FixedValue() (any, error) {
	switch f.Type {
	case "Number":
		n := json.Number(f.Value)
		if _, err := n.Float64(); err == nil && json.Valid([]byte(f.Value)) {
			return n, nil
		}
		return nil, errors.New("must be a number")
	case "Boolean":
		if f.Value != "true" && f.Value != "false" {
			return nil, errors.New("must be true or false")
		}
		return f.Value == "true", nil
	}
	return f.Value, nil
}

// ServingTool asks a serving endpoint.
type ServingTool struct {
	Endpoint string `json:"endpoint"`
	// API is Chat or Responses.
	API string `json:"api"`
}

// HTTPTool calls an external API through a connection. Exactly one of Operations and Allow is set.
type HTTPTool struct {
	Connection string `json:"connection"`
	// OperationArgument chooses among several Operations.
	OperationArgument string          `json:"operationArgument,omitempty"`
	Operations        []HTTPOperation `json:"operations,omitempty"`
	Allow             []HTTPRoute     `json:"allow,omitempty"`
	MaxRequestBytes   int32           `json:"maxRequestBytes"`
	MaxResponseBytes  int32           `json:"maxResponseBytes"`
}

// HTTPRoute allows a method with paths: '*' is any one segment, '**' at the end any further ones.
type HTTPRoute struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// HTTPOperation is a request with places for arguments.
type HTTPOperation struct {
	Name   string `json:"name"`
	Method string `json:"method"`
	// Path has segments '{argument}'.
	Path         string           `json:"path"`
	Query        []QueryParameter `json:"query,omitempty"`
	BodyArgument string           `json:"bodyArgument,omitempty"`
	Rows         *HTTPRows        `json:"rows,omitempty"`
}

// QueryParameter is from an argument, or fixed where Argument is empty.
type QueryParameter struct {
	Name     string `json:"name"`
	Argument string `json:"argument,omitempty"`
	Value    string `json:"value,omitempty"`
}

// HTTPRows say how a JSON answer becomes rows. Places are JSON pointers (RFC 6901).
type HTTPRows struct {
	At      string      `json:"at,omitempty"`
	TotalAt string      `json:"totalAt,omitempty"`
	Fields  []HTTPField `json:"fields"`
}

// HTTPField is a column of the rows.
type HTTPField struct {
	Name string `json:"name"`
	At   string `json:"at"`
}

// FunctionTool calls a function.
type FunctionTool struct {
	Name string `json:"name"`
	// Parameters are those of the function's signature, in its order. One that was left
	// out of a call is left out of the statement, where the function has a default for it.
	Parameters []Parameter `json:"parameters,omitempty"`
	// Table says that the function returns a table.
	Table   bool  `json:"table,omitempty"`
	MaxRows int32 `json:"maxRows"`
}

// IdentityTool shows who the caller is to the SQL engine.
type IdentityTool struct {
	Groups []string `json:"groups,omitempty"`
}

// SQLTool runs one statement.
type SQLTool struct {
	Statement  string      `json:"statement"`
	Parameters []Parameter `json:"parameters,omitempty"`
	MaxRows    int32       `json:"maxRows"`
}

// Parameter binds an argument to a marker of the same name.
type Parameter struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Limits bound what a caller can do.
type Limits struct {
	MaxTokenLifetimeSeconds int32 `json:"maxTokenLifetimeSeconds"`
	MaxBodyBytes            int32 `json:"maxBodyBytes"`
	MaxConcurrentCalls      int32 `json:"maxConcurrentCalls"`
	CallTimeoutSeconds      int32 `json:"callTimeoutSeconds"`
	// Genie bounds the questions to Genie of the whole workspace; nil without a genie tool.
	Genie *Rate `json:"genie,omitempty"`
	// PerCaller bounds the calls of each caller; nil means no limit.
	PerCaller *Rate `json:"perCaller,omitempty"`
	// Store is where pods count together; nil means each for itself.
	Store *RateLimitStore `json:"store,omitempty"`
}

// RateLimitStore is a Redis or Valkey server.
type RateLimitStore struct {
	Address  string `json:"address"`
	TLS      bool   `json:"tls"`
	CABundle string `json:"caBundle,omitempty"`
}

// Subject is one caller: subjects are unique only within their issuer.
type Subject struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// Seal returns the document with its hash filled in. Equal documents have equal
// hashes: maps are written in the order of their keys, lists as they are, so
// the caller sorts them.
func (d Document) Seal() (Document, error) {
	d.Hash = ""
	raw, err := json.Marshal(d)
	if err != nil {
		return Document{}, fmt.Errorf("encode the access document: %w", err)
	}
	sum := sha256.Sum256(raw)
	d.Hash = hex.EncodeToString(sum[:])
	return d, nil
}
