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

// corrected counts drift that was undone, and driftAge how long it can have been there.
var (
	corrected = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_drift_corrected_total", Help: "Changes made in Databricks behind the operator's back that a pass has undone, by kind of resource.",
	}, []string{"kind"})
	driftAge = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_drift_age_seconds", Help: "How long drift that was undone can have been there at most, by kind of resource.",
		Buckets: []float64{1, 10, 60, 300, 600, 1800, 3600, 21600, 86400},
	}, []string{"kind"})
)

func init() { metrics.Registry.MustRegister(faults, corrected, driftAge) } //nolint:gochecknoinits // controller-runtime's registry is global
