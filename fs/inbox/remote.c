/* The types of linux/magic.h, and those that are only in their own sources. */
#include "fs/inbox/remote.h"

#include <stddef.h>

#include <linux/magic.h>

bool filesystem_is_remote(long type)
{
    static const unsigned types[] = {
        NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,   SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC,
        FUSE_SUPER_MAGIC, /* sshfs and the like; also virtiofs and GlusterFS */
        V9FS_MAGIC,       AFS_SUPER_MAGIC,   AFS_FS_MAGIC,     CEPH_SUPER_MAGIC,
        CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC, 0x01161970u, /* GFS2 */
        0x0bd00bd0u,                                      /* Lustre */
        0x47504653u,                                      /* GPFS */
        0x786f4256u,                                      /* VirtualBox shared folders */
        0x19830326u,                                      /* BeeGFS */
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((unsigned)type == types[i])
            return true;
    return false;
}
