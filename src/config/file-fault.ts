/** Says in words why the operating system refuses a file or a folder. */

/** "What is wrong; what to do". */
const faults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder; correct the path',
  EISDIR: 'this is a folder, not a file; name a file',
  ENOTDIR: 'a part of this path is a file, not a folder; correct the path',
  EEXIST: 'this exists already; name another',
  EACCES: 'this user has no permission; grant it, or name another',
  EPERM: 'this user has no permission; grant it, or name another',
  EROFS: 'the file system is read-only; name another folder',
  ENOSPC: 'the disk is full; make room',
  ELOOP: 'a symbolic link leads in a circle; correct it',
  ENAMETOOLONG: 'this name is too long; name another',
  EMFILE: 'the process has too many open files; raise its limit (ulimit -n)',
}

/** The fault and its cure, without the path. Undefined for any other error. */
export function fileFault(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  // A program that may not open a port has the same code.
  if ('syscall' in error && (error.syscall === 'listen' || error.syscall === 'bind'))
    return undefined
  return faults[String(error.code)]
}
