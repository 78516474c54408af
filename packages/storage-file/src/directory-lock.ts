import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { readdir, realpath, rename, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join, relative } from "node:path";
import { SynodError } from "@synod/interface";
import { errorCode } from "./errors.js";

/**
 * A directory is held by a socket in it that a process listens on. The operating system answers for the process, so a stopped one
 * still holds, and a killed one does not: connecting to its socket is refused at once.
 *
 * Everybody first listens on a name of their own, which is never used again, and looks at all other names then. Of two that
 * come together at least one sees the other listening, so never both hold; in the worst case both are refused.
 *
 * A socket has a name before it listens. So it gets the one that counts only afterwards: where nobody listens on that, nobody ever will, and
 * whoever removes it takes it from no one who lives. The name before may be removed at any time: then one begins anew.
 */
const LOCK_NAME = /^lock-(\d+)-[0-9a-f]{16}(\.new)?$/;
const NEW = ".new";

/** `sun_path` holds 108 bytes with the final zero, 104 on macOS and BSD. */
const SOCKET_PATH_BYTES_MAX = process.platform === "linux" ? 107 : 103;

/** Two storage objects of one process that open at the same time: exactly one gets it. */
const heldHere = new Set<string>();

/** Contract of `FileSystem.lock`. */
export async function lockDirectory(path: string): Promise<() => Promise<void>> {
  const directory = await realpath(path);
  if (heldHere.has(directory)) throw locked(path, process.pid);
  heldHere.add(directory);
  try {
    const release = await (process.platform === "win32" ? lockByPipe(path, directory) : lockBySocket(path, directory));
    return async () => {
      await release().finally(() => heldHere.delete(directory));
    };
  } catch (error) {
    heldHere.delete(directory);
    throw error;
  }
}

function locked(path: string, pid: number | undefined): SynodError {
  const holder = pid === undefined ? "another process" : pid === process.pid ? "this process" : `process ${pid}`;
  return new SynodError("StoreLocked", `The store in ${path} is open in ${holder}. Stop that one first.`, {
    details: { directory: path, pid },
  });
}

async function lockBySocket(path: string, directory: string): Promise<() => Promise<void>> {
  for (;;) {
    const own = `lock-${process.pid}-${randomBytes(8).toString("hex")}`;
    const reach = reachSockets(directory, own.length + NEW.length);
    let server: Server | undefined;
    const release = async (): Promise<void> => {
      try {
        await removeIfThere(join(directory, own));
      } finally {
        // A name that stays, on a disk that was made read-only, is as that of a killed process: nobody listens.
        if (server !== undefined) await closeServer(server);
        reach.done();
      }
    };
    try {
      server = await listenAs(directory, own, reach);
      if (server !== undefined) {
        await checkOthers(path, directory, own, reach);
        return release;
      }
    } catch (error) {
      await release();
      throw error;
    }
    await release();
  }
}

/** @returns undefined where somebody removed the name before it counted */
async function listenAs(directory: string, own: string, reach: Reach): Promise<Server | undefined> {
  const name = `${own}${NEW}`;
  let server: Server | undefined;
  try {
    // Without the name the system can neither set its mode nor give it another one; a missing directory is EACCES here.
    server = await listen(reach.path(name));
    await rename(join(directory, name), join(directory, own));
    return server;
  } catch (error) {
    if (server !== undefined) await closeServer(server);
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Removes what those left that were killed. @throws SynodError `StoreLocked` */
async function checkOthers(path: string, directory: string, own: string, reach: Reach): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = LOCK_NAME.exec(name)?.[1];
    if (pid === undefined || name === own) continue;
    if (await isListening(reach.path(name))) throw locked(path, Number(pid));
    await removeIfThere(join(directory, name));
  }
}

/** On Windows a named pipe: it has no file that could be left over. */
async function lockByPipe(path: string, directory: string): Promise<() => Promise<void>> {
  const id = createHash("sha256").update(directory.toLowerCase()).digest("hex").slice(0, 32);
  try {
    const server = await listen(`\\\\.\\pipe\\synod-${id}`);
    return () => closeServer(server);
  } catch (error) {
    if (errorCode(error) === "EADDRINUSE") throw locked(path, undefined);
    throw error;
  }
}

interface Reach {
  readonly path: (name: string) => string;
  readonly done: () => void;
}

/** How to name sockets in the directory in few enough bytes. */
function reachSockets(directory: string, nameBytes: number): Reach {
  // Names of other processes may have longer numbers in them.
  const room = SOCKET_PATH_BYTES_MAX - nameBytes - 12;
  const nothing = (): void => {};
  for (const base of [directory, relative(process.cwd(), directory) || "."]) {
    if (Buffer.byteLength(base) <= room) return { path: (name) => `${base}/${name}`, done: nothing };
  }
  if (process.platform !== "linux") {
    throw new SynodError("InvalidArgument", `The path ${directory} is too long: at most ${room} bytes.`);
  }
  const fd = openSync(directory, "r");
  return { path: (name) => `/proc/self/fd/${fd}/${name}`, done: () => closeSync(fd) };
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on("error", () => {}).destroy());
    server.on("error", reject);
    // Others may have to connect as another user: whoever can reach the directory may ask.
    server.listen({ path, readableAll: true, writableAll: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Only a refusal by the system proves that nobody listens. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", (error) => {
      socket.destroy();
      const code = errorCode(error);
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT");
    });
  });
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
