// What a host's own agent.conf lets backups read and restores write, as the host says: agent.roots, null until it has. The
// host judges by where a path really leads; here only its spelling can be looked at, so this warns and forbids nothing.
const clean = (path) => path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');

const contains = (root, path) => root === '/' || path === root || path.startsWith(`${root}/`);

// The paths that lie outside of all roots; none while they are not known.
export const outsideOf = (roots, paths) => (roots ? paths.filter((path) => !roots.some((root) => contains(root, clean(path)))) : []);

export const listPaths = (paths) => paths.join(', ');

// Where a restore goes that names no directory; '' while that is not known.
export const newPlace = (roots, runId) => (roots?.length ? `${roots[0] === '/' ? '' : roots[0]}/${runId}` : '');
