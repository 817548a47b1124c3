// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ToolSpec declares one governed tool. It says what the tool reads, so that the
// grants of the roles that may call it can be derived.
// +kubebuilder:validation:ExactlyOneOf=identity;sql;genie;vectorSearch;serving;http;function
// +kubebuilder:validation:XValidation:rule="has(self.reads) ? has(self.sql) || has(self.genie) || has(self.serving) : true",message="`reads` may be set for `sql`, `genie` and `serving` tools only: the others read no tables, or name what they read themselves"
// +kubebuilder:validation:XValidation:rule="has(self.inputSchema) ? has(self.sql) || has(self.http) && has(self.http.operations) : true",message="`inputSchema` may be set for `sql` tools and for `http` tools with `operations` only: the arguments of the others are given by their type"
// +kubebuilder:validation:XValidation:rule="has(self.http) && (has(self.http.operations) && self.http.operations.exists(o, has(o.method) && o.method != 'GET') || has(self.http.allow) && self.http.allow.exists(a, has(a.method) && a.method != 'GET')) ? has(self.behavior) && self.behavior.readOnly == 'No' : true",message="`behavior.readOnly` must be 'No' when an `http` tool uses another method than 'GET'"
// +kubebuilder:validation:XValidation:rule="self.toolName == oldSelf.toolName",message="`toolName` may not change: create another Tool"
type ToolSpec struct {
	// toolName is the name that MCP clients see and call. Immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z][a-z0-9_]*$')`,message="must be lower-case letters, digits and underscores, with a letter first"
	ToolName string `json:"toolName,omitempty"`
	// title is the name for people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Title string `json:"title,omitempty"`
	// description tells a model what the tool does and when to use it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Description string `json:"description,omitempty"`
	// inputSchema is the JSON Schema (2020-12) of the arguments of a `sql` tool, or of an
	// `http` tool with `operations`: an object with `properties`. Absent, the tool takes no
	// arguments. Every property must be a string, an integer, a number or a boolean, and the
	// whole at most 32 KiB. The other types have the arguments that their type, or the
	// function's signature, says.
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:XPreserveUnknownFields
	InputSchema *apiextensionsv1.JSON `json:"inputSchema,omitempty"`
	// reads are the tables that the tool selects from, itself or, for a Genie space and a
	// serving endpoint, on the caller's behalf: each becomes SELECT on the table, USE_SCHEMA
	// and USE_CATALOG for every role that may call the tool.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:XValidation:rule="size(self.split('.')) == 3",message="must be a table's full name in three parts"
	Reads []SecurableName `json:"reads,omitempty"`
	// behavior hints tell clients what a call may do. They are hints and no control.
	// +optional
	Behavior ToolBehavior `json:"behavior,omitzero"`
	// limits bound how often the tool is called.
	// +optional
	Limits ToolLimits `json:"limits,omitzero"`
	// identity makes a tool that shows who the caller is to the SQL engine.
	// +optional
	Identity *IdentityTool `json:"identity,omitempty"`
	// sql makes a tool that runs one SQL statement as the caller's role.
	// +optional
	SQL *SQLTool `json:"sql,omitempty"`
	// genie makes a tool that asks a Genie space in natural language. Its arguments are
	// `question` and, to go on with a conversation, `conversation_id`.
	// +optional
	Genie *GenieTool `json:"genie,omitempty"`
	// vectorSearch makes a tool that searches an index by meaning. Its arguments are
	// `query`, `num_results`, `columns` and those that its filters name.
	// +optional
	VectorSearch *VectorSearchTool `json:"vectorSearch,omitempty"`
	// serving makes a tool that asks a model or an agent at a serving endpoint. Its
	// argument is `question`.
	// +optional
	Serving *ServingTool `json:"serving,omitempty"`
	// http makes a tool that calls an external API through a Unity Catalog connection.
	// With `operations` its arguments are those of `inputSchema`; with `allow` they are
	// `method`, `path`, `query` and `body`.
	// +optional
	HTTP *HTTPTool `json:"http,omitempty"`
	// function makes a tool that calls a Unity Catalog function. Its arguments are the
	// function's parameters.
	// +optional
	Function *FunctionTool `json:"function,omitempty"`
}

// ToolLimits bound how often a tool is called on one server. A call beyond them is
// refused with RATE_LIMITED and the time after which it is worth trying again.
type ToolLimits struct {
	// callsPerMinute is for all callers together. Absent, there is no such limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	CallsPerMinute int32 `json:"callsPerMinute,omitempty"`
	// callsPerMinutePerCaller is for each caller. Absent, there is no such limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	CallsPerMinutePerCaller int32 `json:"callsPerMinutePerCaller,omitempty"`
}

// Hint answers a yes-or-no question about a tool.
// +kubebuilder:validation:Enum=Yes;No
type Hint string

const (
	// HintYes says yes.
	HintYes Hint = "Yes"
	// HintNo says no.
	HintNo Hint = "No"
)

// ToolBehavior tells clients what a call may do.
type ToolBehavior struct {
	// readOnly says that a call changes nothing. Default Yes.
	// +optional
	// +kubebuilder:default=Yes
	ReadOnly Hint `json:"readOnly,omitempty"`
	// idempotent says that a repeated call changes nothing more. Default Yes.
	// +optional
	// +kubebuilder:default=Yes
	Idempotent Hint `json:"idempotent,omitempty"`
	// openWorld says that a call reaches beyond Databricks. Default No.
	// +optional
	// +kubebuilder:default=No
	OpenWorld Hint `json:"openWorld,omitempty"`
	// destructive says that a call may destroy something. Default No.
	// +optional
	// +kubebuilder:default=No
	Destructive Hint `json:"destructive,omitempty"`
}

// IdentityTool shows who the caller is to the SQL engine.
type IdentityTool struct {
	// groups are the account groups whose membership is shown, as is_account_group_member() sees it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Groups []AccountGroupName `json:"groups,omitempty"`
}

// SQLParameterType is a SQL type that an argument is bound as.
// +kubebuilder:validation:Enum=STRING;INT;BIGINT;DOUBLE;BOOLEAN;DATE;TIMESTAMP
type SQLParameterType string

// SQLParameter binds one argument.
type SQLParameter struct {
	// name is both the property in the input schema and the marker `:name` in the statement.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z][a-z0-9_]*$')`,message="must be lower-case letters, digits and underscores, with a letter first"
	Name string `json:"name,omitempty"`
	// type is the SQL type that the argument is bound as. Default STRING.
	// +optional
	// +kubebuilder:default=STRING
	Type SQLParameterType `json:"type,omitempty"`
}

// SQLTool runs one statement as the caller's role.
type SQLTool struct {
	// statement is one SELECT statement with named markers such as `:region`. Arguments are
	// bound as parameters and never become part of the text.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Statement string `json:"statement,omitempty"`
	// parameters bind arguments to markers. An argument that is absent is bound as NULL.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Parameters []SQLParameter `json:"parameters,omitempty"`
	// maxRows is how many rows are returned at most; beyond it the answer says that it was truncated. Default 100.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxRows int32 `json:"maxRows,omitempty"`
}

// GenieTool asks a Genie space as the caller's role.
type GenieTool struct {
	// spaceID is the id of the Genie space: every role that may call the tool is given CAN_RUN on it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9-]+$')`,message="must be letters, digits and dashes"
	SpaceID string `json:"spaceID,omitempty"`
	// warehouseID is the SQL warehouse of the space: every role that may call the tool is
	// given CAN_USE on it. Default that of the MCPServer.
	// +optional
	WarehouseID WarehouseID `json:"warehouseID,omitempty"`
}

// ColumnName is the name of a column.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z_][A-Za-z0-9_]*$')`,message="must be letters, digits and underscores, with no digit first"
type ColumnName string

// ArgumentName is the name of an argument of a tool.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z][a-z0-9_]*$')`,message="must be lower-case letters, digits and underscores, with a letter first"
type ArgumentName string

// VectorSearchTool searches an index as the caller's role.
type VectorSearchTool struct {
	// index is the full name of the index: every role that may call the tool is given SELECT
	// on it, USE_SCHEMA and USE_CATALOG.
	// +required
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 3",message="must be an index's full name in three parts"
	Index SecurableName `json:"index,omitempty"`
	// columns are those that the answer holds. A caller may choose among them with the
	// argument `columns`. The score is always there, as `score`.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="!self.exists(c, c == 'score')",message="must not name 'score': it is always there"
	Columns []ColumnName `json:"columns,omitempty"`
	// filters narrow what is found: by an argument of the caller, or always. All of them
	// hold together; a column is compared once with each operator.
	// +optional
	// +listType=map
	// +listMapKey=column
	// +listMapKey=operator
	// +kubebuilder:validation:MaxItems=16
	Filters []VectorSearchFilter `json:"filters,omitempty"`
	// queryType is how the index is searched. Default ANN.
	// +optional
	// +kubebuilder:default=ANN
	QueryType VectorSearchQueryType `json:"queryType,omitempty"`
	// maxResults is how many results a caller may ask for with the argument `num_results`. Default 10.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	MaxResults int32 `json:"maxResults,omitempty"`
}

// VectorSearchQueryType is how an index is searched.
// +kubebuilder:validation:Enum=ANN;HYBRID
type VectorSearchQueryType string

// VectorSearchOperator compares a column with a value.
// +kubebuilder:validation:Enum=Equal;NotEqual;LessThan;LessOrEqual;GreaterThan;GreaterOrEqual
type VectorSearchOperator string

// FilterValueType is the type of the value that a filter compares with.
// +kubebuilder:validation:Enum=String;Number;Boolean
type FilterValueType string

// VectorSearchFilter compares a column with an argument or with a fixed value.
// +kubebuilder:validation:ExactlyOneOf=argument;value
// +kubebuilder:validation:XValidation:rule="has(self.type) && self.type == 'Boolean' && has(self.operator) ? self.operator in ['Equal','NotEqual'] : true",message="`operator` must be 'Equal' or 'NotEqual' where `type` is 'Boolean'"
type VectorSearchFilter struct {
	// column is the column that is compared.
	// +required
	Column ColumnName `json:"column,omitempty"`
	// operator says how. Default Equal.
	// +optional
	// +kubebuilder:default=Equal
	Operator VectorSearchOperator `json:"operator,omitempty"`
	// type is the type of the value. Default String.
	// +optional
	// +kubebuilder:default=String
	Type FilterValueType `json:"type,omitempty"`
	// argument is the name of an optional argument whose value is compared with. A caller
	// who leaves it out is not filtered by it.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!(self in ['query', 'num_results', 'columns'])",message="must not be 'query', 'num_results' or 'columns': the tool has those already"
	Argument ArgumentName `json:"argument,omitempty"`
	// value is compared with at every call, whatever the caller asks for. Of a 'Number' it is
	// written as JSON writes it, of a 'Boolean' as true or false.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Value string `json:"value,omitempty"`
}

// EndpointName is the name of a serving endpoint.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9][A-Za-z0-9_-]*$')`,message="must be letters, digits, underscores and dashes, with a letter or digit first"
type EndpointName string

// ServingAPI is the form of the requests to an endpoint.
// +kubebuilder:validation:Enum=Chat;Responses
type ServingAPI string

// ServingTool asks a serving endpoint as the caller's role.
type ServingTool struct {
	// endpoint is the name of the serving endpoint: every role that may call the tool is given CAN_QUERY on it.
	// +required
	Endpoint EndpointName `json:"endpoint,omitempty"`
	// api is the form of the requests: Responses for agents and supervisors, Chat for models
	// and older agents. Default Responses.
	// +optional
	// +kubebuilder:default=Responses
	API ServingAPI `json:"api,omitempty"`
	// agents are what the endpoint consults on the caller's behalf: a supervisor's
	// sub-agents. Every role that may call the tool is given what they need.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Agents []ServingAgent `json:"agents,omitempty"`
}

// ServingAgent is something that an endpoint consults as the caller.
// +kubebuilder:validation:ExactlyOneOf=endpoint;genieSpaceID;index;function;connection
type ServingAgent struct {
	// endpoint is another serving endpoint.
	// +optional
	Endpoint EndpointName `json:"endpoint,omitempty"`
	// genieSpaceID is a Genie space; its tables belong to `reads`.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9-]+$')`,message="must be letters, digits and dashes"
	GenieSpaceID string `json:"genieSpaceID,omitempty"`
	// index is a Vector Search index.
	// +optional
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 3",message="must be an index's full name in three parts"
	Index SecurableName `json:"index,omitempty"`
	// function is a Unity Catalog function.
	// +optional
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 3",message="must be a function's full name in three parts"
	Function SecurableName `json:"function,omitempty"`
	// connection is a Unity Catalog connection.
	// +optional
	Connection ConnectionName `json:"connection,omitempty"`
}

// HTTPMethod is the method of a request.
// +kubebuilder:validation:Enum=GET;POST;PUT;PATCH;DELETE
type HTTPMethod string

// HTTPTool calls an external API through a connection. Databricks makes the request
// and adds the credential of the connection, over HTTPS.
// +kubebuilder:validation:ExactlyOneOf=operations;allow
type HTTPTool struct {
	// connection is the Unity Catalog connection: every role that may call the tool is given USE_CONNECTION on it.
	// +required
	Connection ConnectionName `json:"connection,omitempty"`
	// operations are the requests that can be made, each with its place for the arguments.
	// Several are told apart by the argument that `operationArgument` names.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Operations []HTTPOperation `json:"operations,omitempty"`
	// operationArgument is the argument whose value is the name of an operation. Default 'operation'.
	// +optional
	// +kubebuilder:default=operation
	OperationArgument ArgumentName `json:"operationArgument,omitempty"`
	// allow are the methods and paths that a caller may choose.
	// +optional
	// +listType=map
	// +listMapKey=method
	// +listMapKey=path
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Allow []HTTPRoute `json:"allow,omitempty"`
	// maxRequestBytes is how large a body may be. Default 16 KiB.
	// +optional
	// +kubebuilder:default=16384
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=262144
	MaxRequestBytes int32 `json:"maxRequestBytes,omitempty"`
	// maxResponseBytes is how much of an answer is handed on. Default 64 KiB.
	// +optional
	// +kubebuilder:default=65536
	// +kubebuilder:validation:Minimum=256
	// +kubebuilder:validation:Maximum=1048576
	MaxResponseBytes int32 `json:"maxResponseBytes,omitempty"`
}

// HTTPRoute is a method and the paths that it may be used with.
type HTTPRoute struct {
	// method is the method. Default GET.
	// +optional
	// +kubebuilder:default=GET
	Method HTTPMethod `json:"method,omitempty"`
	// path is a path below that of the connection. A segment '*' stands for any one
	// segment, and '**' at the end for any further ones; neither for '.' or '..'.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^(/([A-Za-z0-9_~-][A-Za-z0-9._~-]*|[*]))*(/[*][*])?$') && self != ''`,message="must be segments, each after a '/', of letters, digits and any of '.', '_', '~' and '-' with no '.' first; '*' stands for any one segment, '**' at the end for all further ones"
	Path string `json:"path,omitempty"`
}

// HTTPOperation is a request with places for arguments.
// +kubebuilder:validation:XValidation:rule="has(self.bodyArgument) ? has(self.method) && self.method != 'GET' : true",message="`bodyArgument` may be set for the methods 'POST', 'PUT', 'PATCH' and 'DELETE' only: 'GET' has no body"
type HTTPOperation struct {
	// name is the name of the operation.
	// +required
	Name ArgumentName `json:"name,omitempty"`
	// method is the method. Default GET.
	// +optional
	// +kubebuilder:default=GET
	Method HTTPMethod `json:"method,omitempty"`
	// path is a path below that of the connection. A segment '{name}' is the value of an
	// argument, escaped. It must not be empty, '.' or '..', and a string needs a `minLength`
	// or an `enum`.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^(/([A-Za-z0-9_~-][A-Za-z0-9._~-]*|[{][a-z][a-z0-9_]*[}]))+$')`,message="must be segments, each after a '/': either letters, digits and any of '.', '_', '~' and '-' with no '.' first, or '{argument}'"
	Path string `json:"path,omitempty"`
	// query are the query parameters. One whose argument is absent is left out.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Query []HTTPQueryParameter `json:"query,omitempty"`
	// bodyArgument is the argument whose value is the body, a JSON text: a string. For methods other than GET.
	// +optional
	BodyArgument ArgumentName `json:"bodyArgument,omitempty"`
	// rows shape a JSON answer as rows. Absent, the answer is handed on as it is.
	// +optional
	Rows *HTTPRows `json:"rows,omitempty"`
}

// HTTPQueryParameter is a query parameter from an argument or with a fixed value.
// +kubebuilder:validation:ExactlyOneOf=argument;value
type HTTPQueryParameter struct {
	// name is the name of the query parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9_.-]+$')`,message="must be letters, digits and any of '_', '.' and '-'"
	Name string `json:"name,omitempty"`
	// argument is the argument whose value is sent.
	// +optional
	Argument ArgumentName `json:"argument,omitempty"`
	// value is sent at every call.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\x00-\x1f\x7f]+$')`,message="must be text without control characters"
	Value string `json:"value,omitempty"`
}

// JSONPointer points into a JSON document (RFC 6901). An empty one is the whole of it.
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^(/([^~/\x00-\x1f\x7f]|~[01])*)*$')`,message="must be a JSON pointer (RFC 6901): empty, or names each after a '/', with '~0' for a '~' and '~1' for a '/' in a name"
type JSONPointer string

// HTTPRows say how a JSON answer becomes rows.
type HTTPRows struct {
	// at points to the list in the answer. Absent, the answer itself is the list.
	// +optional
	At JSONPointer `json:"at,omitempty"`
	// totalAt points to the number of all rows that there are.
	// +optional
	TotalAt JSONPointer `json:"totalAt,omitempty"`
	// fields are the columns, each with its place in an entry of the list.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Fields []HTTPField `json:"fields,omitempty"`
}

// HTTPField is a column of the rows.
type HTTPField struct {
	// name is the name of the column.
	// +required
	Name ArgumentName `json:"name,omitempty"`
	// at points to the value in an entry of the list.
	// +required
	// +kubebuilder:validation:MinLength=1
	At JSONPointer `json:"at,omitempty"`
}

// FunctionTool calls a function as the caller's role.
type FunctionTool struct {
	// name is the full name of the function: every role that may call the tool is given
	// EXECUTE on it, USE_SCHEMA and USE_CATALOG.
	// +required
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 3",message="must be a function's full name in three parts"
	Name SecurableName `json:"name,omitempty"`
	// maxRows is how many rows a function that returns a table answers at most. Default 100.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxRows int32 `json:"maxRows,omitempty"`
}

// ToolStatus is what the operator observed of a Tool.
type ToolStatus struct {
	// conditions are Ready, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// Tool is one governed tool.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse
// +kubebuilder:printcolumn:name="Tool",type=string,JSONPath=`.spec.toolName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Tool struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec ToolSpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status ToolStatus `json:"status,omitzero"`
}

// ToolList is a list of Tools.
// +kubebuilder:object:root=true
type ToolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Tool `json:"items"`
}
