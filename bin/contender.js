#!/usr/bin/env node
/**
 * Starts Contender: the built program where it is installed, the sources in a clone.
 *
 * Sources win where both are there, so that a stale `dist/` never runs instead of what was just edited.
 */
import "./require-node.js";
import { existsSync } from "node:fs";
import * as module from "node:module";

// Keeps compiled (and stripped) modules between runs, for commands that people wait for. Where the cache can't be written,
// as in a read-only container, Node goes on without one.
module.enableCompileCache();

const source = new URL("../src/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/main.js", import.meta.url).href);
