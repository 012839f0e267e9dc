# The dates are those that the README names: the earliest that have what is used.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "core", worker = .core), (name = "all", worker = .all)],
  sockets = [
    (name = "core", address = "127.0.0.1:0", http = (), service = "core"),
    (name = "all", address = "127.0.0.1:0", http = (), service = "all"),
  ],
);

const core :Workerd.Worker = (
  modules = [(name = "main", esModule = embed "built/worker-core.mjs")],
  compatibilityDate = "2025-09-15",
  compatibilityFlags = ["nodejs_compat", "enable_request_signal"],
);

const all :Workerd.Worker = (
  modules = [(name = "main", esModule = embed "built/worker-all.mjs")],
  compatibilityDate = "2026-03-17",
  compatibilityFlags = ["nodejs_compat", "enable_request_signal"],
);
