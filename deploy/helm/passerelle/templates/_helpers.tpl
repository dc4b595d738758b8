{{- define "passerelle.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "passerelle.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "passerelle.labels" -}}
{{ include "passerelle.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "passerelle.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* Of every pod: no rights, no token of the cluster, a root that cannot be written. */ -}}
{{- define "passerelle.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: state
    emptyDir: {}
  - name: tmp
    emptyDir: {}
  - name: secrets
    secret:
      secretName: {{ .Values.secret.name }}
      defaultMode: 0440
  {{- if .Values.images.enabled }}
  - name: images
    persistentVolumeClaim:
      claimName: {{ .Values.images.existingClaim | default (printf "%s-images" (include "passerelle.name" .)) }}
  {{- end }}
{{- end }}

{{- /* Of every container. */ -}}
{{- define "passerelle.container" -}}
image: {{ include "passerelle.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  - {name: PORTAL_URL, value: {{ .Values.portal.url | quote }}}
  - {name: GATEWAY_URL, value: {{ .Values.portal.gatewayUrl | quote }}}
  - {name: TRUSTED_PROXY_COUNT, value: {{ .Values.portal.trustedProxyCount | quote }}}
  - {name: IMAGE_DIR, value: /var/lib/passerelle/images}
  - {name: WEB_LEAVING_S, value: {{ .Values.web.leavingSeconds | quote }}}
  - {name: WEB_GRACE_S, value: {{ .Values.web.graceSeconds | quote }}}
  {{- range .Values.secret.keys }}
  - {name: {{ . }}_FILE, value: /run/secrets/passerelle/{{ . }}}
  {{- end }}
  {{- range $name, $value := .Values.portal.settings }}
  - {name: {{ $name }}, value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}}
  {{- end }}
volumeMounts:
  - {name: state, mountPath: /var/lib/passerelle}
  - {name: tmp, mountPath: /tmp}
  - {name: secrets, mountPath: /run/secrets/passerelle, readOnly: true}
  {{- if .Values.images.enabled }}
  - {name: images, mountPath: /var/lib/passerelle/images}
  {{- end }}
{{- end }}
