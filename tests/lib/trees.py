"""Trees of files that are hard to back up, and the means to say that two are the same."""

import hashlib
import os
import pathlib
import socket
import stat
import subprocess


def nasty(top):
    """Everything that survives a round trip, in one tree that diff, getfattr and getfacl can read too."""
    top = pathlib.Path(top)
    raw = os.fsencode(top)
    (top / "empty").write_bytes(b"")
    (top / "one").write_bytes(b"x")
    (top / "text").write_text("plain\n" * 1000)
    (top / "parts").write_bytes(os.urandom(20 * 1024 * 1024))  # more than two parts whatever the compression
    (top / "no one may read").write_bytes(b"secret")
    os.chmod(top / "no one may read", 0)
    (top / "empty directory").mkdir()
    (top / "sticky").mkdir()
    os.chmod(top / "sticky", 0o1777)
    (top / "setuid").write_bytes(b"#!")
    os.chmod(top / "setuid", 0o6755)
    names(raw)
    links(top)
    sparse(top)
    attributes(top)
    times(top)
    many = top / "many"
    many.mkdir()
    for i in range(500):
        (many / f"file {i}").write_text(str(i))
    if os.geteuid() == 0:
        os.chown(top / "one", 12345, 54321)
        os.lchown(top / "links/dangling", 12345, 54321)
        os.chown(top / "empty directory", 4294967294, 4294967294 - 1)  # more than tar's octal fields hold


def names(raw):
    directory = raw + b"/names"
    os.mkdir(directory)
    odd = [b" ", b"-rf", b"new\nline", b"tab\t", b"quote'\"`$(x)", b"back\\slash", b"star*?[a]", b"\xff\xfe not UTF-8",
           "Ünïcödé-\U0001f980".encode(), "e\u0301 and \u00e9".encode(), b"...", b".hidden", b"n" * 255, b"\x01\x7f",
           b"trailing ", b"CON", b"a:b", b"%2e%2e", b"PaxHeader", b"=x", b"./".replace(b"/", b"_")]
    for name in odd:
        with open(directory + b"/" + name, "wb") as f:
            f.write(name)
    os.mkdir(directory + b"/" + b"d\xe9r")
    with open(directory + b"/d\xe9r/inside", "wb") as f:
        f.write(b"inside")
    long = directory
    for _ in range(12):  # a path of more than 1000 bytes, below what getfacl and diff can take
        long += b"/" + b"l" * 100
        os.mkdir(long)
    with open(long + b"/bottom", "wb") as f:
        f.write(b"bottom")


def links(top):
    links = top / "links"
    links.mkdir()
    (links / "first").write_bytes(b"hard")
    for name in ("second", "third"):
        os.link(links / "first", links / name)
    os.link(links / "first", top / "zz hard link elsewhere")
    os.symlink("first", links / "relative")
    os.symlink("/etc/passwd", links / "absolute")
    os.symlink("../..", links / "up")
    os.symlink("nowhere", links / "dangling")
    os.symlink("t" * 4000, links / "long")
    os.symlink(b"\xff", bytes(links) + b"/not UTF-8")
    os.link(links / "dangling", links / "hard link of a symlink", follow_symlinks=False)


def sparse(top):
    with open(top / "sparse", "wb") as f:
        f.write(b"start")
        f.seek(50_000_000)
        f.write(b"middle")
        f.truncate(100_000_000)
    with open(top / "only a hole", "wb") as f:
        f.truncate(1_000_000)


def attributes(top):
    directory = top / "attributes"
    directory.mkdir()
    (directory / "xattr").write_bytes(b"x")
    os.setxattr(directory / "xattr", b"user.plain", b"value")
    os.setxattr(directory / "xattr", b"user.binary", bytes(range(256)))
    os.setxattr(directory / "xattr", b"user.empty", b"")
    os.setxattr(directory / "xattr", "user.näme".encode(), b"x")
    os.setxattr(directory, b"user.of.a.directory", b"yes")
    (directory / "acl").write_bytes(b"x")
    subprocess.run(["setfacl", "-m", "u:12345:rw,g:54321:r,m::rw", directory / "acl"], check=True)
    (directory / "default").mkdir()
    subprocess.run(["setfacl", "-m", "u:12345:rwx,d:u:12345:r-x,d:g:54321:rwx", directory / "default"], check=True)


def times(top):
    directory = top / "times"
    directory.mkdir()
    for name, ns in (("nanoseconds", 1_700_000_000_123_456_789), ("before 1970", -1_000_000_000_500_000_000),
                     ("after 2038", 5_000_000_000_000_000_001), ("epoch", 0)):
        (directory / name).write_bytes(b"t")
        os.utime(directory / name, ns=(ns, ns))
    os.utime(directory, ns=(1, 1_234_567_890_000_000_001))
    os.utime(top / "links/relative", ns=(1, 1_111_111_111_222_222_222), follow_symlinks=False)


def special(top):
    """What diff does not compare: pipes, devices, sockets (which no archive holds)."""
    top = pathlib.Path(top)
    os.mkfifo(top / "pipe", 0o640)
    if os.geteuid() == 0:
        os.mknod(top / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(top / "loop", 0o660 | stat.S_IFBLK, os.makedev(7, 200))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(top / "socket"))


def deep(top, levels=900):
    """Directories below directories, far beyond PATH_MAX."""
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for i in range(levels):
        os.mkdir("below", dir_fd=fd)
        below = os.open("below", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
        if i % 200 == 0:
            with open(os.open("here", os.O_WRONLY | os.O_CREAT, dir_fd=fd), "w") as f:
                f.write(str(i))
    os.close(fd)


def listing(top):
    """{path: what it is}: everything about every file but inode numbers, access and change times."""
    found, inodes = {}, {}
    todo = [(os.open(top, os.O_RDONLY | os.O_DIRECTORY), b"")]
    while todo:  # by descriptors, since paths may be longer than any call takes; not recursive for the same reason
        fd, prefix = todo.pop()
        for name in sorted(os.listdir(f"/proc/self/fd/{fd}".encode())):
            path = prefix + b"/" + name
            info = os.lstat(name, dir_fd=fd)
            found[path] = describe(os.fsencode(f"/proc/self/fd/{fd}/") + name, info)
            if stat.S_ISDIR(info.st_mode):
                todo.append((os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd), path))
            elif info.st_nlink > 1:
                inodes.setdefault((info.st_dev, info.st_ino), []).append(path)
        os.close(fd)
    for paths in inodes.values():
        for path in paths if len(paths) > 1 else ():
            found[path]["linked with"] = sorted(paths)
    return found


def describe(path, info):
    facts = {"mode": oct(info.st_mode), "uid": info.st_uid, "gid": info.st_gid, "mtime_ns": info.st_mtime_ns}
    if stat.S_ISLNK(info.st_mode):
        facts["to"] = os.readlink(path)
        return facts
    facts["xattrs"] = {n: os.getxattr(path, n) for n in sorted(os.listxattr(path))}
    if stat.S_ISREG(info.st_mode):
        facts["size"] = info.st_size
        facts["sha256"] = content(path, info)
        facts["sparse"] = info.st_blocks * 512 < info.st_size // 2
    elif not stat.S_ISDIR(info.st_mode):
        facts["rdev"] = info.st_rdev
    return facts


def content(path, info):
    """A digest of every block of 4 KiB that is not all zeros, with its place. Holes are not read, so that files of many
    GiB cost nothing, and zeros count as a hole wherever the file system has put them."""
    digest, at = hashlib.sha256(), 0
    with open(path, "rb", buffering=0) as f:
        while at < info.st_size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA) // 4096 * 4096
            except OSError:  # nothing but a hole from here on
                break
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            os.lseek(f.fileno(), at, os.SEEK_SET)
            while at < end:
                block = f.read(4096)
                if block.strip(b"\0"):
                    digest.update(b"%d:%d:" % (at, len(block)) + block)
                at += len(block)
    return digest.hexdigest()


def assert_same(a, b):
    """Fails with the first few differences between two trees."""
    left, right = listing(a), listing(b)
    wrong = [f"{path!r} is missing" for path in left.keys() - right.keys()]
    wrong += [f"{path!r} is too much" for path in right.keys() - left.keys()]
    for path in left.keys() & right.keys():
        for fact in left[path].keys() | right[path].keys():
            if left[path].get(fact) != right[path].get(fact):
                wrong.append(f"{path!r}: {fact} was {left[path].get(fact)!r}, is {right[path].get(fact)!r}")
    assert not wrong, "\n".join(sorted(wrong)[:20]) + f"\n({len(wrong)} differences)"


def assert_same_by_tools(a, b):
    """The same by other people's programs: diff, getfattr, getfacl."""
    done = subprocess.run(["diff", "-r", "--no-dereference", a, b], capture_output=True)
    assert done.returncode == 0, done.stdout[:2000]
    for tool in (["getfattr", "-R", "-h", "-d", "-m", "-", "."], ["getfacl", "-R", "-P", "-n", "."]):
        # Directories come in the order of the file system: compare paragraphs, not lines.
        left, right = (subprocess.run(tool, capture_output=True, cwd=d, check=True).stdout for d in (a, b))
        assert sorted(left.split(b"\n\n")) == sorted(right.split(b"\n\n")), f"{tool[0]} tells them apart"
