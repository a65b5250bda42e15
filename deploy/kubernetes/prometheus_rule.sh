#!/usr/bin/env bash
# Prints deploy/prometheus' rules as a PrometheusRule for the Prometheus operator:
#   deploy/kubernetes/prometheus_rule.sh | kubectl apply -f -
set -euo pipefail
cd "$(dirname "$0")/../prometheus/rules"

cat <<'HEADER'
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: fintag
  namespace: fintag
  labels:
    app.kubernetes.io/name: fintag
    app.kubernetes.io/part-of: fintag
spec:
HEADER
sed 's/^\(.\)/  \1/' fintag.yml
