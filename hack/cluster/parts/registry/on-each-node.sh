# Where containerd finds registry.longshore.test: at the registry's port of the node itself.
mkdir -p /etc/containerd/certs.d/registry.longshore.test
cat >/etc/containerd/certs.d/registry.longshore.test/hosts.toml <<'EOF'
server = "http://127.0.0.1:30500"
[host."http://127.0.0.1:30500"]
  capabilities = ["pull", "resolve"]
EOF
