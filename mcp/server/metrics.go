// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what the second port shows. No label has a value that a caller can choose.
type metrics struct {
	registry        *prometheus.Registry
	calls           *prometheus.CounterVec
	callSeconds     *prometheus.HistogramVec
	refusals        *prometheus.CounterVec
	conditions      *prometheus.CounterVec
	inFlight        prometheus.Gauge
	exchanges       prometheus.Counter
	exchangeErrors  prometheus.Counter
	documentLoads   prometheus.Counter
	documentErrors  prometheus.Counter
	documentProblem prometheus.Gauge
	keysProblem     prometheus.Gauge
	panics          prometheus.Counter
	retries         *prometheus.CounterVec
	breakers        *prometheus.GaugeVec
	up              *prometheus.GaugeVec
	latency         *prometheus.GaugeVec
}

// dependency shows how a dependency answered last.
func (m *metrics) dependency(kind, name string, up bool, took time.Duration) {
	value := 0.0
	if up {
		value = 1
	}
	m.up.WithLabelValues(kind, name).Set(value)
	m.latency.WithLabelValues(kind, name).Set(took.Seconds())
}

// dropDependency shows nothing of a dependency any more.
func (m *metrics) dropDependency(kind, name string) {
	m.up.DeleteLabelValues(kind, name)
	m.latency.DeleteLabelValues(kind, name)
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_mcp_calls_total", Help: "Tool calls by tool, role and outcome.",
		}, []string{"tool", "role", "outcome"}),
		callSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_mcp_call_duration_seconds", Help: "How long tool calls took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 35, 120},
		}, []string{"tool"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_mcp_refusals_total", Help: "Requests refused before they reached MCP, by reason.",
		}, []string{"reason"}),
		conditions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_conditions_unheld_total", Help: "Conditions of rules that did not hold for a call, by reason: false, or what went wrong.",
		}, []string{"reason"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_mcp_requests_in_flight", Help: "Requests being worked on.",
		}),
		exchanges: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_token_exchanges_total", Help: "Token exchanges begun.",
		}),
		exchangeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_token_exchange_errors_total", Help: "Token exchanges that gave no token.",
		}),
		documentLoads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_access_document_loads_total", Help: "Access documents taken into use.",
		}),
		documentErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_access_document_errors_total", Help: "Access documents that could not be used.",
		}),
		documentProblem: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_access_document_problem", Help: "1 while the access document on disk cannot be used.",
		}),
		keysProblem: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_sealing_keys_problem", Help: "1 while the mounted sealing keys cannot be used.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_mcp_panics_total", Help: "Calls that ended in a panic.",
		}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_upstream_retries_total", Help: "Requests to Databricks made again, by kind of endpoint and the status that called for it; 0 is a lost connection.",
		}, []string{"endpoint", "status"}),
		breakers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_upstream_breaker_open", Help: "1 while a kind of endpoint is left alone because it is failing.",
		}, []string{"endpoint"}),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_dependency_up", Help: "1 when a dependency of the tools answered well the last time that somebody asked for /health, 0 when it did not.",
		}, []string{"kind", "name"}),
		latency: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_dependency_latency_seconds", Help: "How long a dependency of the tools took to answer the last time that somebody asked for /health.",
		}, []string{"kind", "name"}),
	}
	m.registry.MustRegister(m.calls, m.callSeconds, m.refusals, m.conditions, m.inFlight, m.exchanges, m.exchangeErrors,
		m.documentLoads, m.documentErrors, m.documentProblem, m.keysProblem, m.panics, m.retries, m.breakers, m.up, m.latency,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}
