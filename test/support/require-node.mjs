/** Mocha loads this first: the tests, too, stop at once on a Node that can't run them. */
import "../../bin/require-node.js";
