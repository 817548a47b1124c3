// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// faults counts the passes that ended in a fault. Those that return no error do
// not reach controller-runtime's own counter.
var faults = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gatehouse_faults_total", Help: "Passes that ended in a fault, by kind of resource, class and reason.",
}, []string{"kind", "class", "reason"})

func init() { metrics.Registry.MustRegister(faults) } //nolint:gochecknoinits // controller-runtime's registry is global
