/** Entry point: argv to exit code. */
