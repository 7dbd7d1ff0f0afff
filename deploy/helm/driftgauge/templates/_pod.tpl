{{/*
The parts of a pod, for this chart's own workload and for yours. In a chart of your own that has this one as a
dependency, with `mode: sidecar`:

    spec:
      containers:
        - name: model
          ...
        {{- include "driftgauge.sidecar.containers" .Subcharts.driftgauge | nindent 8 }}
      volumes:
        {{- include "driftgauge.sidecar.volumes" .Subcharts.driftgauge | nindent 8 }}

A pod that is not ready gets no requests, and a monitor must not take the model away: the sidecar has no probes,
nothing that runs before the model, and does not end (files/sidecar.sh). The agent ends itself where it is stuck.
*/}}
{{- define "driftgauge.sidecar.containers" -}}
{{- include "driftgauge.check" . -}}
{{- include "driftgauge.agent" . -}}
{{- end }}

{{- define "driftgauge.sidecar.volumes" -}}
{{- include "driftgauge.volumes" . -}}
{{- end }}

{{- define "driftgauge.migrate" -}}
- name: migrate
  image: {{ include "driftgauge.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [db, upgrade]
  {{- include "driftgauge.environment" . | nindent 2 }}
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  resources:
    requests: {cpu: 100m, memory: 256Mi}
    limits: {memory: 1Gi}
{{- end }}

{{- define "driftgauge.agent" -}}
- name: driftgauge
  image: {{ include "driftgauge.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  {{- if eq .Values.mode "sidecar" }}
  command: [/bin/sh, -c]
  args:
    - |
      {{- .Files.Get "files/sidecar.sh" | nindent 6 }}
  {{- else }}
  args: [run]
  {{- end }}
  {{- include "driftgauge.environment" . | nindent 2 }}
  ports:
    - name: driftgauge
      containerPort: {{ .Values.port }}
  {{- if eq .Values.mode "standalone" }}
  startupProbe:
    httpGet: {path: /healthz, port: driftgauge}
    periodSeconds: 5
    failureThreshold: {{ div (int .Values.startupSeconds) 5 }}
  livenessProbe:
    httpGet: {path: /healthz, port: driftgauge}
    periodSeconds: 20
    timeoutSeconds: 5
  readinessProbe:
    httpGet: {path: /readyz, port: driftgauge}
    periodSeconds: 10
    timeoutSeconds: 5
  {{- end }}
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  resources:
    {{- include "driftgauge.resources" . | nindent 4 }}
{{- end }}

{{/* They read the database only, and a person can wait: where they end, the agent goes on. */}}
{{- define "driftgauge.pages" -}}
- name: pages
  image: {{ include "driftgauge.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [serve, --host=0.0.0.0, {{ printf "--port=%d" (int .Values.pages.port) }}]
  {{- include "driftgauge.environment" . | nindent 2 }}
  ports:
    - name: pages
      containerPort: {{ .Values.pages.port }}
  livenessProbe:
    tcpSocket: {port: pages}
    initialDelaySeconds: 30
    periodSeconds: 20
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  resources:
    {{- toYaml .Values.pages.resources | nindent 4 }}
{{- end }}

{{- define "driftgauge.resources" -}}
{{- $resources := deepCopy .Values.resources }}
{{- if .Values.gpu.enabled }}
{{- $limits := dict .Values.gpu.resource (int .Values.gpu.count) }}
{{- $resources = mustMergeOverwrite $resources (dict "limits" $limits) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{/* Environment and mounts, the same for the agent and for what prepares the database. */}}
{{- define "driftgauge.environment" -}}
env:
  - {name: DRIFTGAUGE_CONFIG, value: /etc/driftgauge/driftgauge.toml}
  - {name: DRIFTGAUGE_HTTP__HOST, value: "0.0.0.0"}
  - {name: DRIFTGAUGE_HTTP__PORT, value: {{ .Values.port | quote }}}
  - {name: DRIFTGAUGE_HTTP__REQUIRED, value: "true"}
  - {name: DRIFTGAUGE_LOG__FORMAT, value: json}
  {{- if eq .Values.store.kind "sqlite" }}
  - {name: DRIFTGAUGE_STORE__URL, value: sqlite:////data/driftgauge.db}
  {{- else }}
  - {name: DRIFTGAUGE_STORE__URL_FILE, value: /run/secrets/driftgauge/store-url}
  {{- end }}
  {{- range .Values.secretFiles }}
  - {name: {{ printf "DRIFTGAUGE_%s_FILE" .setting }}, value: {{ printf "/run/secrets/driftgauge/%s" .setting }}}
  {{- end }}
  {{- if .Values.modelCode.configMap }}
  - {name: PYTHONPATH, value: /etc/driftgauge/model}
  {{- end }}
  {{- if .Values.gpu.enabled }}
  - {name: DRIFTGAUGE_MODEL__DEVICE, value: cuda}
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: driftgauge-data, mountPath: /data}
  - {name: driftgauge-tmp, mountPath: /tmp}
  - {name: driftgauge-config, mountPath: /etc/driftgauge/driftgauge.toml, subPath: driftgauge.toml, readOnly: true}
  {{- if or .Values.store.existingSecret .Values.secretFiles }}
  - {name: driftgauge-secrets, mountPath: /run/secrets/driftgauge, readOnly: true}
  {{- end }}
  {{- if .Values.modelCode.configMap }}
  - {name: driftgauge-model, mountPath: /etc/driftgauge/model, readOnly: true}
  {{- end }}
  {{- with .Values.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "driftgauge.volumes" -}}
- name: driftgauge-data
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim | default (include "driftgauge.fullname" .) }}
- name: driftgauge-tmp
  emptyDir: {}
- name: driftgauge-config
  configMap:
    name: {{ include "driftgauge.fullname" . }}
{{- if or .Values.store.existingSecret .Values.secretFiles }}
- name: driftgauge-secrets
  projected:
    defaultMode: 0440
    sources:
      {{- if .Values.store.existingSecret }}
      - secret:
          name: {{ .Values.store.existingSecret }}
          items: [{key: {{ .Values.store.key }}, path: store-url}]
      {{- end }}
      {{- range .Values.secretFiles }}
      - secret:
          name: {{ .secret }}
          items: [{key: {{ .key }}, path: {{ .setting }}}]
      {{- end }}
{{- end }}
{{- if .Values.modelCode.configMap }}
- name: driftgauge-model
  configMap:
    name: {{ .Values.modelCode.configMap }}
{{- end }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What pods of this chart have in common. */}}
{{- define "driftgauge.podSettings" -}}
serviceAccountName: {{ include "driftgauge.serviceAccount" . }}
automountServiceAccountToken: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if and .Values.gpu.enabled .Values.gpu.runtimeClassName }}
runtimeClassName: {{ .Values.gpu.runtimeClassName }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
