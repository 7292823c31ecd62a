/**
 * Loaded into the demo's sidecar before its own program (`node --import`): ends it when the demo is gone.
 *
 * A sidecar in a pod must not care who started it, so this is the demo's business and not the sidecar's. Its own signal
 * is what it knows how to end on.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// Nobody sends anything: the channel alone must not keep the process from ending.
process.channel?.unref();
