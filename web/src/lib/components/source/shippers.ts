export interface Shipper { id: string; name: string; file: string; text: string }

/** How the usual log shippers are pointed at this server. Ports are those of the sample configuration. */
export function shippers(server: string, token: string): Shipper[] {
  return [
    {
      id: 'winlogbeat', name: 'Winlogbeat', file: 'winlogbeat.yml',
      text: `winlogbeat.event_logs:
  - name: Security
  - name: System
  - name: Microsoft-Windows-Sysmon/Operational
  - name: Microsoft-Windows-PowerShell/Operational
setup.template.enabled: false
setup.ilm.enabled: false
output.elasticsearch:
  hosts: ["https://${server}:9200"]
  username: saqshy
  password: "${token}"`
    },
    {
      id: 'filebeat', name: 'Filebeat', file: 'filebeat.yml',
      text: `filebeat.inputs:
  - type: filestream
    id: system
    paths: [/var/log/auth.log, /var/log/audit/audit.log, /var/log/nginx/access.log]
setup.template.enabled: false
setup.ilm.enabled: false
output.elasticsearch:
  hosts: ["https://${server}:9200"]
  username: saqshy
  password: "${token}"`
    },
    {
      id: 'rsyslog', name: 'rsyslog', file: '/etc/rsyslog.d/60-saqshy.conf',
      text: `global(DefaultNetstreamDriver="gtls"
       DefaultNetstreamDriverCAFile="/etc/ssl/certs/saqshy-ca.pem")
action(type="omfwd" target="${server}" port="6514" protocol="tcp"
       StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name"
       template="RSYSLOG_SyslogProtocol23Format"
       TCP_Framing="octet-counted"
       queue.type="LinkedList" queue.filename="saqshy" queue.maxDiskSpace="1g"
       queue.saveOnShutdown="on" action.resumeRetryCount="-1")`
    },
    {
      id: 'vector', name: 'Vector', file: 'vector.yaml',
      text: `sinks:
  saqshy:
    type: elasticsearch
    inputs: [my_logs]
    endpoints: ["https://${server}:9200"]
    mode: bulk
    auth: { strategy: basic, user: saqshy, password: "${token}" }
    buffer: { type: disk, max_size: 1073741824 }`
    },
    {
      id: 'curl', name: 'HEC', file: 'curl',
      text: `curl https://${server}:9200/services/collector/event \\
  -H "Authorization: Splunk ${token}" \\
  -d '{"host":"test","event":"hello from curl"}'`
    }
  ];
}
