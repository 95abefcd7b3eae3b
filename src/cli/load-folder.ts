import { constants } from 'node:fs';
import { open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_TREES_BYTES, TREE_ENTRY_BYTES, type SandboxTree } from '../sandbox/index.js';
import { UsageError } from './usage-error.js';

interface LoadedFolder {
  guestPath: string;
  files: Map<string, Uint8Array>;
  folders: string[];
  links: Map<string, string>;
  /** Counted as the sandbox counts. */
  bytes: number;
}

/** What is neither a file, a folder nor a link has no meaning without the machine it is on. */
type LeaveOut = (path: string) => void;

/** Loads what every `--dir` names; they share `maxBytes`. */
export async function loadFolders(
  mounts: readonly string[],
  maxBytes: number,
  leaveOut: LeaveOut,
): Promise<SandboxTree[]> {
  const loaded: LoadedFolder[] = [];
  let leftBytes = maxBytes;
  for (const mount of mounts) {
    const folder = await loadFolder(mount, leftBytes, leaveOut);
    leftBytes -= folder.bytes;
    loaded.push(folder);
  }
  const roomBytes = Math.floor(leftBytes / Math.max(1, loaded.length));
  return loaded.map(({ bytes, ...tree }) => ({ ...tree, isWritable: true, maxBytes: bytes + roomBytes }));
}

/** Links are taken as links: none is followed here, and the sandbox follows none out of its tree. */
async function loadFolder(mount: string, maxBytes: number, leaveOut: LeaveOut): Promise<LoadedFolder> {
  const { host, guestPath } = parseMount(mount);
  const folder: LoadedFolder = { guestPath, files: new Map(), folders: [], links: new Map(), bytes: 0 };
  const count = (bytes: number): void => {
    folder.bytes += TREE_ENTRY_BYTES + bytes;
    if (folder.bytes <= maxBytes) return;
    throw new UsageError(
      `--dir ${mount}: all folders of a run, /tmp among them, hold at most ${MAX_TREES_BYTES} bytes`,
    );
  };
  const pending = [''];
  for (let prefix = pending.pop(); prefix !== undefined; prefix = pending.pop()) {
    for (const entry of await readdir(join(host, prefix), { withFileTypes: true })) {
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory()) {
        count(0);
        folder.folders.push(path);
        pending.push(`${path}/`);
      } else if (entry.isSymbolicLink()) {
        const target = await readlink(join(host, path));
        count(Buffer.byteLength(target));
        folder.links.set(path, target);
      } else if (entry.isFile()) folder.files.set(path, await readOwnFile(join(host, path), count));
      else leaveOut(join(host, path));
    }
  }
  return folder;
}

function parseMount(mount: string): { host: string; guestPath: string } {
  // The last colon: folders of the host may have one in their names, a guest's path better not.
  const at = mount.lastIndexOf(':');
  const guestPath = mount.slice(at + 1);
  if (at < 1 || !guestPath.startsWith('/')) {
    throw new UsageError(`--dir ${mount}: must be HOST:GUEST with an absolute GUEST, like ./data:/data`);
  }
  return { host: mount.slice(0, at), guestPath };
}

/** Not even a link that took the file's place a moment ago is followed. */
async function readOwnFile(path: string, count: (bytes: number) => void): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    count((await file.stat()).size);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
