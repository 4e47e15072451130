/* base/calls.c - see calls.h. */
#include "base/calls.h"
#include <errno.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
const uint32_t calls_arch = AUDIT_ARCH_X86_64, calls_end = 0x40000000;
#elif defined(__aarch64__)
const uint32_t calls_arch = AUDIT_ARCH_AARCH64, calls_end = UINT32_MAX;
#else
const uint32_t calls_arch = 0, calls_end = 0; /* no sandbox */
#endif

const struct call calls[] = {
    { "openat", SYS_openat, CALL_OPENS, 2, 0 },
    { "openat2", SYS_openat2, CALL_OPENS | CALL_CHANGES, -1, ENOSYS },
    { "open_by_handle_at", SYS_open_by_handle_at, CALL_OPENS | CALL_CHANGES, -1, 0 },
    { "unlinkat", SYS_unlinkat, CALL_CHANGES, -1, 0 },
    { "renameat2", SYS_renameat2, CALL_CHANGES, -1, 0 },
    { "renameat", SYS_renameat, CALL_CHANGES, -1, 0 },
    { "mkdirat", SYS_mkdirat, CALL_CHANGES, -1, 0 },
    { "mknodat", SYS_mknodat, CALL_CHANGES, -1, 0 },
    { "linkat", SYS_linkat, CALL_CHANGES, -1, 0 },
    { "symlinkat", SYS_symlinkat, CALL_CHANGES, -1, 0 },
    { "truncate", SYS_truncate, CALL_CHANGES, -1, 0 },
    { "fchmodat", SYS_fchmodat, CALL_CHANGES, -1, 0 },
    { "fchownat", SYS_fchownat, CALL_CHANGES, -1, 0 },
    { "utimensat", SYS_utimensat, CALL_CHANGES, -1, 0 },
    { "setxattr", SYS_setxattr, CALL_CHANGES, -1, 0 },
    { "lsetxattr", SYS_lsetxattr, CALL_CHANGES, -1, 0 },
    { "removexattr", SYS_removexattr, CALL_CHANGES, -1, 0 },
    { "lremovexattr", SYS_lremovexattr, CALL_CHANGES, -1, 0 },
    { "socket", SYS_socket, CALL_NETS, -1, 0 },
    { "execve", SYS_execve, CALL_STARTS, -1, 0 },
    { "execveat", SYS_execveat, CALL_STARTS, -1, 0 },
    { "clone", SYS_clone, CALL_STARTS, 0, 0 },
    { "clone3", SYS_clone3, CALL_STARTS, -1, ENOSYS }, /* its flags cannot be looked at */
    /* It does what it is told without asking any filter. */
    { "io_uring_setup", SYS_io_uring_setup, CALL_REACHES, -1, ENOSYS },
    { "ptrace", SYS_ptrace, CALL_REACHES, -1, 0 },
    { "process_vm_readv", SYS_process_vm_readv, CALL_REACHES, -1, EPERM },
    { "process_vm_writev", SYS_process_vm_writev, CALL_REACHES, -1, 0 },
    { "pidfd_getfd", SYS_pidfd_getfd, CALL_REACHES, -1, 0 },
    { "mount", SYS_mount, CALL_REACHES, -1, 0 },
    { "umount2", SYS_umount2, CALL_REACHES, -1, 0 },
    { "pivot_root", SYS_pivot_root, CALL_REACHES, -1, 0 },
    { "chroot", SYS_chroot, CALL_REACHES, -1, 0 },
    { "unshare", SYS_unshare, CALL_REACHES, -1, 0 },
    { "setns", SYS_setns, CALL_REACHES, -1, 0 },
    { "bpf", SYS_bpf, CALL_REACHES, -1, 0 },
    { "perf_event_open", SYS_perf_event_open, CALL_REACHES, -1, 0 },
    { "userfaultfd", SYS_userfaultfd, CALL_REACHES, -1, 0 },
    { "init_module", SYS_init_module, CALL_REACHES, -1, 0 },
    { "finit_module", SYS_finit_module, CALL_REACHES, -1, 0 },
    { "delete_module", SYS_delete_module, CALL_REACHES, -1, 0 },
    { "kexec_load", SYS_kexec_load, CALL_REACHES, -1, 0 },
    { "reboot", SYS_reboot, CALL_REACHES, -1, 0 },
    { "swapon", SYS_swapon, CALL_REACHES, -1, 0 },
    { "swapoff", SYS_swapoff, CALL_REACHES, -1, 0 },
    { "add_key", SYS_add_key, CALL_REACHES, -1, 0 },
    { "request_key", SYS_request_key, CALL_REACHES, -1, 0 },
    { "keyctl", SYS_keyctl, CALL_REACHES, -1, 0 },
    { "settimeofday", SYS_settimeofday, CALL_REACHES, -1, 0 },
    { "clock_settime", SYS_clock_settime, CALL_REACHES, -1, 0 },
    { "sethostname", SYS_sethostname, CALL_REACHES, -1, 0 },
    { "quotactl", SYS_quotactl, CALL_REACHES, -1, 0 },
#if defined(__x86_64__) /* older names, which newer processors never had */
    { "open", SYS_open, CALL_OPENS, 1, 0 },
    { "creat", SYS_creat, CALL_OPENS | CALL_CHANGES, -1, 0 },
    { "unlink", SYS_unlink, CALL_CHANGES, -1, 0 },
    { "rmdir", SYS_rmdir, CALL_CHANGES, -1, 0 },
    { "mkdir", SYS_mkdir, CALL_CHANGES, -1, 0 },
    { "mknod", SYS_mknod, CALL_CHANGES, -1, 0 },
    { "rename", SYS_rename, CALL_CHANGES, -1, 0 },
    { "link", SYS_link, CALL_CHANGES, -1, 0 },
    { "symlink", SYS_symlink, CALL_CHANGES, -1, 0 },
    { "chmod", SYS_chmod, CALL_CHANGES, -1, 0 },
    { "chown", SYS_chown, CALL_CHANGES, -1, 0 },
    { "lchown", SYS_lchown, CALL_CHANGES, -1, 0 },
    { "utime", SYS_utime, CALL_CHANGES, -1, 0 },
    { "utimes", SYS_utimes, CALL_CHANGES, -1, 0 },
    { "futimesat", SYS_futimesat, CALL_CHANGES, -1, 0 },
    { "fork", SYS_fork, CALL_STARTS, -1, 0 },
    { "vfork", SYS_vfork, CALL_STARTS, -1, 0 },
#endif
};
const size_t calls_count = sizeof calls / sizeof *calls;

const char *call_name(int number)
{
    for (size_t i = 0; i < calls_count; i++)
        if (calls[i].number == number)
            return calls[i].name;
    return NULL;
}
