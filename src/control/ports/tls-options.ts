/** What the ports of a config service speak TLS with; whoever made it has checked it. */
import type { SecureContextOptions } from "node:tls";

export type TlsOptions = SecureContextOptions;
