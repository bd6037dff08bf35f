{{/* The name of a release's resources. */}}
{{- define "lopt.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select a role's pods: (list $ "worker"). */}}
{{- define "lopt.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of a role's resources: (list $ "worker"). */}}
{{- define "lopt.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{ include "lopt.selectorLabels" . }}
{{- end -}}

{{- define "lopt.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{- define "lopt.run" -}}
{{- default .Release.Name .Values.run.name -}}
{{- end -}}

{{/* The server's URL: that of this release, as its chart names it, or another one. */}}
{{- define "lopt.natsUrl" -}}
{{- if .Values.connection.url -}}
{{- .Values.connection.url -}}
{{- else if .Values.nats.enabled -}}
{{- $name := ternary .Release.Name (printf "%s-nats" .Release.Name) (contains "nats" .Release.Name) -}}
{{- printf "nats://%s:4222" ($name | trunc 63 | trimSuffix "-") -}}
{{- else -}}
{{- fail "connection.url must name a NATS server if nats.enabled is false" -}}
{{- end -}}
{{- end -}}

{{/* A role's connection and credentials: (list $ "worker"). */}}
{{- define "lopt.env" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
- name: NATS_URL
  value: {{ include "lopt.natsUrl" $root | quote }}
- name: NATS_USER
  value: {{ $role }}
- name: NATS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $root.Values.connection.secret.name }}
      key: {{ $role }}-password
{{- if $root.Values.connection.tls.secret }}
- name: NATS_CA
  value: /etc/lopt/tls/ca.crt
{{- if $root.Values.connection.tls.clientCertificate }}
- name: NATS_CERT
  value: /etc/lopt/tls/tls.crt
- name: NATS_KEY
  value: /etc/lopt/tls/tls.key
{{- end }}
{{- end }}
{{- end -}}

{{- define "lopt.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "lopt.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "lopt.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
{{- end -}}

{{/* Spreads a role's pods over the hosts: (list $ "worker"). */}}
{{- define "lopt.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "lopt.selectorLabels" . | nindent 6 }}
{{- end -}}
