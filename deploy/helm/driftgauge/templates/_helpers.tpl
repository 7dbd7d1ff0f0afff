{{- define "driftgauge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "driftgauge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "driftgauge.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "driftgauge.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "driftgauge.selectorLabels" -}}
app.kubernetes.io/name: {{ include "driftgauge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "driftgauge.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "driftgauge.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "driftgauge.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "driftgauge.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "driftgauge.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* What cannot work, said before anything is installed. */}}
{{- define "driftgauge.check" -}}
{{- $sqlite := eq .Values.store.kind "sqlite" }}
{{- if and (not $sqlite) (not .Values.store.existingSecret) }}
{{- fail "store.kind is postgresql, and store.existingSecret names no Secret with the database's address" }}
{{- end }}
{{- if and $sqlite .Values.store.existingSecret }}
{{- fail (printf "store.existingSecret is %q, and store.kind is sqlite: set store.kind to postgresql" .Values.store.existingSecret) }}
{{- end }}
{{- if and $sqlite (gt (int .Values.replicas) 1) }}
{{- fail (printf "replicas is %d, and SQLite serves one agent: set store.kind to postgresql" (int .Values.replicas)) }}
{{- end }}
{{- if and $sqlite .Values.keda.enabled }}
{{- fail "keda.enabled needs store.kind postgresql: SQLite serves one agent" }}
{{- end }}
{{- if and $sqlite (eq .Values.mode "sidecar") }}
{{- fail "mode is sidecar, and store.kind is sqlite: each pod of the model would count for itself; set store.kind to postgresql" }}
{{- end }}
{{- if and .Values.pages.enabled (eq .Values.mode "sidecar") }}
{{- fail "pages.enabled is for mode standalone: a sidecar serves no pages" }}
{{- end }}
{{- $several := or (gt (int .Values.replicas) 1) .Values.keda.enabled }}
{{- if and $several (not .Values.persistence.existingClaim) (not (eq .Values.persistence.accessMode "ReadWriteMany")) }}
{{- fail (printf "several agents share the detectors in /data: persistence.accessMode is %s, and must be ReadWriteMany (or name persistence.existingClaim)" .Values.persistence.accessMode) }}
{{- end }}
{{- if and (eq .Values.mode "sidecar") .Values.serviceMonitor.enabled (not .Values.serviceMonitor.podSelector) }}
{{- fail "mode is sidecar and serviceMonitor.enabled: set serviceMonitor.podSelector to the labels of your pods" }}
{{- end }}
{{- end }}
