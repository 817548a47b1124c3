// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// Kinds of the objects of a server, in the order in which they are written: what
// revokes first.
const (
	kindConfigMap      = "ConfigMap"
	kindSecret         = "Secret"
	kindServiceAccount = "ServiceAccount"
	kindReviewer       = "ClusterRoleBinding"
	kindService        = "Service"
	kindDeployment     = "Deployment"
	kindBudget         = "PodDisruptionBudget"
	kindRole           = "Role"
)

const (
	// portMCP and portOperator are those of cmd/mcp-server.
	portMCP, portOperator = 8080, 9090
	accessDir, keysDir    = "/etc/gatehouse/access", "/etc/gatehouse/keys"
	storeDir              = "/etc/gatehouse/store"
	workloadDir           = "/var/run/secrets/gatehouse/databricks"
	workloadVolume        = "databricks-token"
	// workloadLifetime is that of the pods' tokens in seconds; kubelet renews them in time.
	workloadLifetime = int64(3600)
	// ReviewerRole is the ClusterRole that lets a pod ask whose token it was shown.
	ReviewerRole = "gatehouse-mcp-server"
	user         = int64(65532)
)

// pods is how pods are made, from the operator's flags.
type pods struct {
	Image string
	// OperatorName and ProbeAudience are what pods know the operator by.
	OperatorName, ProbeAudience string
	// WorkloadAudience is that of the tokens that pods show to Databricks for themselves.
	WorkloadAudience string
}

// objects are everything that a server wants in the cluster.
func (p pods) objects(s *v1alpha1.MCPServer, d access.Document, k sealing) ([]object, error) {
	raw, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode the access document: %w", err)
	}
	config := &corev1.ConfigMap{ObjectMeta: meta(s), Data: map[string]string{access.DocumentKey: string(raw)}}
	out := []object{{Kind: kindConfigMap, Value: config}}
	if k.keys != nil {
		out = append(out, object{Kind: kindSecret, Value: keysSecret(s, k)})
	}
	out = append(out, []object{
		{Kind: kindServiceAccount, Value: &corev1.ServiceAccount{ObjectMeta: meta(s)}},
		{Kind: kindReviewer, Value: reviewer(s)},
		{Kind: kindService, Value: service(s)},
		{Kind: kindDeployment, Value: p.deployment(s)},
	}...)
	if replicas(s) > 1 {
		out = append(out, object{Kind: kindBudget, Value: budget(s)})
	}
	// The last: nothing that goes wrong with it may keep the others back.
	out = append(out, object{Kind: kindRole, Value: healthRole(s)})
	for i := range out {
		out[i].Name = out[i].Value.GetName()
	}
	return out, nil
}

func replicas(s *v1alpha1.MCPServer) int32 { return access.Replicas(s) }

func labels(s *v1alpha1.MCPServer) map[string]string {
	return map[string]string{v1alpha1.LabelServer: s.Name, "app.kubernetes.io/name": "gatehouse-mcp-server", "app.kubernetes.io/managed-by": "gatehouse"}
}

func selector(s *v1alpha1.MCPServer) map[string]string {
	return map[string]string{v1alpha1.LabelServer: s.Name}
}

// meta is what the server's own objects carry. The owner reference leaves their
// removal to garbage collection.
func meta(s *v1alpha1.MCPServer) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: s.Name, Namespace: s.Namespace, Labels: labels(s),
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s, v1alpha1.GroupVersion.WithKind("MCPServer"))},
	}
}

// reviewer lets the pods ask the API server whose token they were shown. It is
// cluster-scoped, so that no owner reference can remove it.
func reviewer(s *v1alpha1.MCPServer) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{
			Name: "gatehouse:mcp-server:" + s.Namespace + ":" + s.Name, Labels: labels(s),
			Annotations: map[string]string{annotationOwner: string(s.UID)},
		},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: ReviewerRole},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.Namespace, Name: s.Name}},
	}
}

// healthRole is the Role that the pods are when they ask for the dependencies of their
// tools. What it may see follows from the tools.
func healthRole(s *v1alpha1.MCPServer) *v1alpha1.Role {
	m := meta(s)
	m.Name, m.Labels = access.HealthRole(s.Name), map[string]string{v1alpha1.LabelServer: s.Name}
	name := "Health of the MCP server " + access.Key(s)
	return &v1alpha1.Role{ObjectMeta: m, Spec: v1alpha1.RoleSpec{
		WorkspaceRef: s.Spec.WorkspaceRef, DisplayName: name[:min(len(name), 128)], ServiceAccountName: s.Name,
		Adoption: v1alpha1.AdoptionNever, ManagementPolicy: v1alpha1.ManagementEnforce, DeletionPolicy: v1alpha1.DeletionDelete,
	}}
}

// annotationOwner names the UID of the MCPServer that a cluster-scoped object belongs to.
const annotationOwner = "gatehouse.dev/owner-uid"

func service(s *v1alpha1.MCPServer) *corev1.Service {
	return &corev1.Service{ObjectMeta: meta(s), Spec: corev1.ServiceSpec{
		Selector: selector(s),
		Ports:    []corev1.ServicePort{{Name: "mcp", Port: portMCP, TargetPort: intstr.FromString("mcp"), Protocol: corev1.ProtocolTCP}},
	}}
}

func budget(s *v1alpha1.MCPServer) *policyv1.PodDisruptionBudget {
	one := intstr.FromInt32(1)
	return &policyv1.PodDisruptionBudget{ObjectMeta: meta(s), Spec: policyv1.PodDisruptionBudgetSpec{
		MaxUnavailable: &one, Selector: &metav1.LabelSelector{MatchLabels: selector(s)},
	}}
}

func (p pods) deployment(s *v1alpha1.MCPServer) *appsv1.Deployment {
	n, zero, grace := replicas(s), intstr.FromInt32(0), int64(135)
	return &appsv1.Deployment{ObjectMeta: meta(s), Spec: appsv1.DeploymentSpec{
		Replicas: &n,
		Selector: &metav1.LabelSelector{MatchLabels: selector(s)},
		Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &zero}},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels(s)},
			Spec: corev1.PodSpec{
				ServiceAccountName: s.Name, TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{p.container(s)},
				SecurityContext: &corev1.PodSecurityContext{
					RunAsNonRoot: new(true), RunAsUser: new(user), RunAsGroup: new(user), FSGroup: new(user),
					SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				},
				TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
					MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
					LabelSelector: &metav1.LabelSelector{MatchLabels: selector(s)},
				}},
				Volumes: append(volumes(s), p.workloadToken()),
			},
		},
	}}
}

// volumes are mounted as whole folders: a subPath would never see a change.
func volumes(s *v1alpha1.MCPServer) []corev1.Volume {
	out := []corev1.Volume{
		{Name: "access", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: s.Name}}}},
		{Name: "keys", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: keysName(s)}}},
	}
	if r := s.Spec.RateLimitStore; r != nil && r.CredentialsSecretName != "" {
		out = append(out, corev1.Volume{Name: "store", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: r.CredentialsSecretName}}})
	}
	return out
}

// workloadToken is the token by which the pods are the server's own Role to Databricks.
func (p pods) workloadToken() corev1.Volume {
	return corev1.Volume{Name: workloadVolume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: p.WorkloadAudience, ExpirationSeconds: new(workloadLifetime), Path: "token",
		}}},
	}}}
}

// mounts are where the volumes are, for all of volumes.
func mounts(s *v1alpha1.MCPServer) []corev1.VolumeMount {
	dirs := map[string]string{"access": accessDir, "keys": keysDir, "store": storeDir}
	var out []corev1.VolumeMount
	for _, v := range volumes(s) {
		out = append(out, corev1.VolumeMount{Name: v.Name, MountPath: dirs[v.Name], ReadOnly: true})
	}
	return out
}

func (p pods) container(s *v1alpha1.MCPServer) corev1.Container {
	probe := func(path string, period int32) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("operator")}}, PeriodSeconds: period}
	}
	return corev1.Container{
		Name: "mcp-server", Image: p.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Args: []string{
			fmt.Sprintf("--listen=:%d", portMCP), fmt.Sprintf("--operator-listen=:%d", portOperator), "--access-dir=" + accessDir, "--keys-dir=" + keysDir, "--store-dir=" + storeDir,
			"--databricks-token-file=" + workloadDir + "/token",
			"--operator-name=" + p.OperatorName, "--probe-audience=" + p.ProbeAudience,
			fmt.Sprintf("--allowed-host=%s.%s.svc:%d", s.Name, s.Namespace, portMCP),
		},
		// The decoder of the MCP SDK allocates much: with a small heap most of the time would go to collecting it.
		Env:            []corev1.EnvVar{{Name: "GOMEMLIMIT", Value: "200MiB"}, {Name: "GOGC", Value: "400"}},
		Ports:          []corev1.ContainerPort{{Name: "mcp", ContainerPort: portMCP, Protocol: corev1.ProtocolTCP}, {Name: "operator", ContainerPort: portOperator, Protocol: corev1.ProtocolTCP}},
		ReadinessProbe: probe("/readyz", 1), LivenessProbe: probe("/healthz", 10),
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: append(mounts(s), corev1.VolumeMount{Name: workloadVolume, MountPath: workloadDir, ReadOnly: true}),
	}
}
