/** Given to a process by NODE_OPTIONS: a bug that a signal sets off, in a callback. */
process.on("SIGUSR2", () => {
  throw new TypeError("nobody foresaw this");
});
