/*
 * Copyright (c) 2026 The CCM authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */


/*
 * Things that a child must not be able to do with files.  Each returns what
 * the system said; outside of a sandbox all of them work for root, and what
 * they leave behind is in the test's own directories.  Part of the sandbox
 * probe.
 */

#include "config.h"

#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox_probe.h"

/* The files that the test put there. */
#define SECRET	"secret"
#define STATE	"pipelines.json"

static int
open_close(const char *path, int flags)
{
	int	 fd;

	if ((fd = open(path, flags | O_CLOEXEC, 0600)) == -1)
		return (-1);
	close(fd);
	return (0);
}

/* Two paths: probe_path has one buffer. */
static int
two_paths(const char *from, const char *from_name, const char *to,
    const char *to_name, int (*call)(const char *, const char *))
{
	char	 first[1024];

	(void)strlcpy(first, probe_path(from, from_name), sizeof(first));
	return (call(first, probe_path(to, to_name)));
}

static int
f_open_passwd(struct probe *p __attribute__((unused)))
{
	return (open_close("/etc/passwd", O_RDONLY));
}

static int
f_open_outside(struct probe *p)
{
	return (open_close(probe_path(p->outside, SECRET), O_RDONLY));
}

static int
f_openat_outside(struct probe *p)
{
	int	 fd;

	if ((fd = openat(p->outsidefd, SECRET, O_RDONLY)) == -1)
		return (-1);
	close(fd);
	return (0);
}

static int
f_fchdir_outside(struct probe *p)
{
	if (fchdir(p->outsidefd) == -1)
		return (-1);
	return (open_close(SECRET, O_RDONLY));
}

static int
f_openat2_outside(struct probe *p)
{
	struct open_how	 how;
	long		 fd;

	memset(&how, 0, sizeof(how));
	how.flags = O_RDONLY;
	fd = syscall(SYS_openat2, p->outsidefd, SECRET, &how, sizeof(how));
	if (fd == -1)
		return (-1);
	close((int)fd);
	return (0);
}

static int
f_write_outside(struct probe *p)
{
	return (open_close(probe_path(p->outside, SECRET), O_WRONLY));
}

static int
f_create_outside(struct probe *p)
{
	return (open_close(probe_path(p->outside, "new"),
	    O_WRONLY | O_CREAT | O_EXCL));
}

static int
f_createat_outside(struct probe *p)
{
	int	 fd;

	fd = openat(p->outsidefd, "new", O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return (-1);
	close(fd);
	return (0);
}

static int
f_tmpfile_outside(struct probe *p)
{
	return (open_close(p->outside, O_RDWR | O_TMPFILE));
}

static int
f_truncate_outside(struct probe *p)
{
	return (truncate(probe_path(p->outside, SECRET), 0));
}

static int
f_opendir_outside(struct probe *p)
{
	DIR	*d;

	if ((d = opendir(p->outside)) == NULL)
		return (-1);
	closedir(d);
	return (0);
}

static int
f_getdents_outside(struct probe *p)
{
	int	 fd;

	if ((fd = openat(p->outsidefd, ".", O_RDONLY | O_DIRECTORY)) == -1)
		return (-1);
	close(fd);
	return (0);
}

static int
f_mkdir_outside(struct probe *p)
{
	return (mkdirat(p->outsidefd, "newdir", 0700));
}

static int
f_unlink_outside(struct probe *p)
{
	return (unlinkat(p->outsidefd, SECRET, 0));
}

static int
f_open_state(struct probe *p)
{
	return (open_close(probe_path(p->statedir, STATE), O_RDONLY));
}

static int
f_create_state(struct probe *p)
{
	return (open_close(probe_path(p->statedir, "new"),
	    O_WRONLY | O_CREAT));
}

static int
f_link_out(struct probe *p)
{
	return (linkat(AT_FDCWD, probe_path(p->statedir, STATE),
	    p->outsidefd, "linked", 0));
}

static int
f_link_in(struct probe *p)
{
	return (linkat(p->outsidefd, SECRET, AT_FDCWD,
	    probe_path(p->statedir, "linked"), 0));
}

static int
f_rename_out(struct probe *p)
{
	return (renameat(AT_FDCWD, probe_path(p->statedir, STATE),
	    p->outsidefd, "renamed"));
}

static int
f_rename_in(struct probe *p)
{
	return (renameat(p->outsidefd, SECRET, AT_FDCWD,
	    probe_path(p->statedir, "renamed")));
}

static int
f_symlink(struct probe *p)
{
	return (two_paths(p->outside, SECRET, p->statedir, "symlink",
	    symlink));
}

static int
f_mkfifo(struct probe *p)
{
	return (mkfifo(probe_path(p->statedir, "fifo"), 0600));
}

static int
f_mknod_device(struct probe *p)
{
	return (mknod(probe_path(p->statedir, "null"), S_IFCHR | 0600, 0));
}

static int
f_chmod(struct probe *p)
{
	return (chmod(probe_path(p->statedir, STATE), 04755));
}

static int
f_chown(struct probe *p)
{
	return (chown(probe_path(p->statedir, STATE), 0, 0));
}

static int
f_setxattr(struct probe *p)
{
	return (lsetxattr(probe_path(p->statedir, STATE), "user.probe", "", 0,
	    0));
}

static int
f_open_by_handle(struct probe *p)
{
	struct file_handle	*handle;
	int			 mount_id, fd;

	handle = calloc(1, sizeof(*handle) + MAX_HANDLE_SZ);
	if (handle == NULL)
		return (-1);
	handle->handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(p->outsidefd, SECRET, handle, &mount_id,
	    0) == -1)
		return (-1);
	fd = open_by_handle_at(p->outsidefd, handle, O_RDONLY);
	free(handle);
	if (fd == -1)
		return (-1);
	close(fd);
	return (0);
}

static int
f_inotify(struct probe *p)
{
	int	 fd;

	if ((fd = inotify_init1(IN_CLOEXEC)) == -1)
		return (-1);
	return (inotify_add_watch(fd, p->outside, IN_OPEN) == -1 ? -1 : 0);
}

static int
f_memfd_exec(struct probe *p __attribute__((unused)))
{
	static const char	 script[] = "#!/bin/sh\nexit 0\n";
	char *const		 argv[] = { (char *)(uintptr_t)"x", NULL };
	pid_t			 pid;
	int			 fd, status;

	if ((fd = memfd_create("probe", 0)) == -1 ||
	    write(fd, script, sizeof(script) - 1) == -1)
		return (-1);
	if ((pid = fork()) == 0) {
		fexecve(fd, argv, argv + 1);
		_exit(1);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return (-1);
	return (status == 0 ? 0 : probe_fail("not executed"));
}

/* In a child, since it ends the probe: which is killed before it forks. */
static int
exec_true(int at)
{
	char *const	 argv[] = { (char *)(uintptr_t)"true", NULL };
	char *const	 envp[] = { NULL };

	/* A success ends with status 0, and is told apart by this word. */
	if (dprintf(3, "exec ") == -1)
		return (-1);
	if (at)
		return ((int)syscall(SYS_execveat, AT_FDCWD, "/bin/true",
		    argv, envp, 0));
	return (execve("/bin/true", argv, envp));
}

static int
f_execve(struct probe *p __attribute__((unused)))
{
	return (exec_true(0));
}

static int
f_execveat(struct probe *p __attribute__((unused)))
{
	return (exec_true(1));
}

/* The classic way out: a second root below, the first one left open. */
static int
f_chroot_escape(struct probe *p)
{
	(void)mkdirat(p->outsidefd, "jail", 0700);
	if (chroot(p->statedir) == -1 || fchdir(p->outsidefd) == -1 ||
	    chdir("../../../../../../../..") == -1 || chroot(".") == -1)
		return (-1);
	return (open_close("etc/passwd", O_RDONLY));
}

static int
f_mount(struct probe *p)
{
	if (mount("none", p->statedir, "tmpfs", 0, NULL) == -1)
		return (-1);
	return (umount(p->statedir));
}

/* Not a mount, or the one it is in already: the kernel looked at it. */
static int
f_pivot_root(struct probe *p)
{
	long	 r;

	r = syscall(SYS_pivot_root, p->statedir, p->statedir);
	return (r == -1 && (errno == EINVAL || errno == EBUSY) ? 0 : (int)r);
}

static int
f_proc_mem(struct probe *p)
{
	char	 path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)p->sibling);
	return (open_close(path, O_RDWR));
}

static int
f_proc_environ(struct probe *p __attribute__((unused)))
{
	return (open_close("/proc/self/environ", O_RDONLY));
}

static int
f_write_tmp(struct probe *p __attribute__((unused)))
{
	char	 path[] = "/tmp/probe.XXXXXX";
	int	 fd;

	if ((fd = mkstemp(path)) == -1)
		return (-1);
	close(fd);
	return (unlink(path));
}

static int
f_mmap_exec_file(struct probe *p)
{
	void	*m;

	m = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE,
	    p->outsidefd, 0);
	/* A directory can't be mapped: what matters is who says so. */
	if (m == MAP_FAILED)
		return (errno == ENODEV ? 0 : -1);
	return (0);
}

const struct thing forbidden_files[] = {
	{ "open_passwd", NULL, f_open_passwd },
	{ "open_outside", NULL, f_open_outside },
	{ "openat_outside", NULL, f_openat_outside },
	{ "fchdir_outside", NULL, f_fchdir_outside },
	{ "openat2_outside", NULL, f_openat2_outside },
	{ "write_outside", NULL, f_write_outside },
	{ "create_outside", NULL, f_create_outside },
	{ "createat_outside", NULL, f_createat_outside },
	{ "tmpfile_outside", NULL, f_tmpfile_outside },
	{ "truncate_outside", NULL, f_truncate_outside },
	{ "opendir_outside", NULL, f_opendir_outside },
	{ "getdents_outside", NULL, f_getdents_outside },
	{ "mkdir_outside", NULL, f_mkdir_outside },
	{ "unlink_outside", NULL, f_unlink_outside },
	{ "open_state", NULL, f_open_state },
	{ "create_state", NULL, f_create_state },
	{ "link_out", NULL, f_link_out },
	{ "link_in", NULL, f_link_in },
	{ "rename_out", NULL, f_rename_out },
	{ "rename_in", NULL, f_rename_in },
	{ "symlink", NULL, f_symlink },
	{ "mkfifo", NULL, f_mkfifo },
	{ "mknod_device", NULL, f_mknod_device },
	{ "chmod", NULL, f_chmod },
	{ "chown", NULL, f_chown },
	{ "setxattr", NULL, f_setxattr },
	{ "open_by_handle", NULL, f_open_by_handle },
	{ "inotify", NULL, f_inotify },
	{ "memfd_exec", NULL, f_memfd_exec },
	{ "execve", NULL, f_execve },
	{ "execveat", NULL, f_execveat },
	{ "chroot_escape", NULL, f_chroot_escape },
	{ "mount", NULL, f_mount },
	{ "pivot_root", NULL, f_pivot_root },
	{ "proc_mem", NULL, f_proc_mem },
	{ "proc_environ", NULL, f_proc_environ },
	{ "write_tmp", NULL, f_write_tmp },
	{ "mmap_exec_file", NULL, f_mmap_exec_file },
	{ NULL, NULL, NULL }
};
