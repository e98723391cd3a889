#include "tests/support/fault_sqlite_vfs.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>
#include <string_view>

#include "base/check.h"
#include "base/file_system.h"

namespace stagelog {
namespace {

std::string UniqueName() {
  static std::atomic<int> made{0};
  return "stagelog-fault-" + std::to_string(++made);
}

bool Exists(const char* path) {
  struct stat info {};
  return ::lstat(path, &info) == 0;
}

// SQLite tells a full disk from the other failures, and the others by what was tried.
int ErrorCode(const Fault& fault, int code) {
  return fault.error_number == ENOSPC ? SQLITE_FULL : code;
}

}  // namespace

// What SQLite holds for an open file. The default VFS's own file lies right behind it.
struct FaultSqliteFile : sqlite3_file {
  FaultSqliteVfs* vfs = nullptr;
  DiskFilePointer file;               // null: not tracked
  bool syncs_directory_next = false;  // as "unix" does at the first sync of a new journal

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods* methods() { return real()->pMethods; }
  FaultPlan& plan() { return vfs->plan_; }
  FaultDisk& disk() { return vfs->disk_; }
  std::string path() { return disk().PathOf(file); }
  bool IsDead() { return !disk().IsUsable(vfs->epoch_); }
};

// The functions that SQLite calls. Those of a file come first.
struct FaultSqliteFunctions {
  static FaultSqliteFile& Of(sqlite3_file* file) { return *static_cast<FaultSqliteFile*>(file); }
  static FaultSqliteVfs& Of(sqlite3_vfs* vfs) {
    return *static_cast<FaultSqliteVfs*>(vfs->pAppData);
  }
  static bool IsDead(FaultSqliteFile& self) {
    const auto lock = self.disk().Lock();
    return self.IsDead();
  }

  static int Close(sqlite3_file* file) {
    FaultSqliteFile& self = Of(file);
    const int code = self.methods()->xClose(self.real());
    self.~FaultSqliteFile();
    return code;
  }

  static int Read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
    FaultSqliteFile& self = Of(file);
    if (self.file != nullptr) {
      if (self.plan().Arrive(Operation::kRead, self.path())) return SQLITE_IOERR_READ;
      if (IsDead(self)) return SQLITE_IOERR_READ;
    }
    return self.methods()->xRead(self.real(), bytes, size, offset);
  }

  // What a write of `size` bytes at `offset` is going to overwrite. Read through SQLite's own
  // descriptor: closing another one of the same file would drop its locks.
  static UndoWrite BeforeImage(FaultSqliteFile& self, sqlite3_int64 offset, sqlite3_int64 size) {
    sqlite3_int64 old_size = 0;
    self.methods()->xFileSize(self.real(), &old_size);
    UndoWrite undo{.offset = static_cast<uint64_t>(offset),
                   .old_size = static_cast<uint64_t>(old_size)};
    const sqlite3_int64 overlap = std::clamp<sqlite3_int64>(old_size - offset, 0, size);
    undo.before.resize(static_cast<size_t>(overlap));
    if (overlap > 0) {
      self.methods()->xRead(self.real(), undo.before.data(), static_cast<int>(overlap), offset);
    }
    return undo;
  }

  static int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    FaultSqliteFile& self = Of(file);
    if (self.file == nullptr) return self.methods()->xWrite(self.real(), bytes, size, offset);
    const auto fault = self.plan().Arrive(Operation::kWrite, self.path());
    const auto lock = self.disk().Lock();
    if (self.IsDead()) return SQLITE_IOERR_WRITE;
    const size_t wanted = static_cast<size_t>(size);
    const size_t length = fault ? std::min(fault->torn_bytes.value_or(0), wanted) : wanted;
    int code = SQLITE_OK;
    if (length > 0) {
      UndoWrite undo = BeforeImage(self, offset, static_cast<sqlite3_int64>(length));
      undo.new_length = length;
      self.disk().WillWrite(self.file, std::move(undo));
      code = self.methods()->xWrite(self.real(), bytes, static_cast<int>(length), offset);
    }
    return fault ? ErrorCode(*fault, SQLITE_IOERR_WRITE) : code;
  }

  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    FaultSqliteFile& self = Of(file);
    if (self.file == nullptr) return self.methods()->xTruncate(self.real(), size);
    const auto fault = self.plan().Arrive(Operation::kTruncate, self.path());
    const auto lock = self.disk().Lock();
    if (self.IsDead()) return SQLITE_IOERR_TRUNCATE;
    if (fault) return ErrorCode(*fault, SQLITE_IOERR_TRUNCATE);
    sqlite3_int64 old_size = 0;
    self.methods()->xFileSize(self.real(), &old_size);
    const sqlite3_int64 cut = std::max<sqlite3_int64>(old_size - size, 0);
    self.disk().WillWrite(self.file, BeforeImage(self, std::min(size, old_size), cut));
    return self.methods()->xTruncate(self.real(), size);
  }

  static int Sync(sqlite3_file* file, int flags) {
    FaultSqliteFile& self = Of(file);
    if (self.file == nullptr) return self.methods()->xSync(self.real(), flags);
    const auto fault = self.plan().Arrive(Operation::kSync, self.path());
    {
      const auto lock = self.disk().Lock();
      if (self.IsDead()) return SQLITE_IOERR_FSYNC;
      if (fault && fault->lose_unsynced) self.disk().LoseUnsynced(self.file);
      if (fault && fault->forget_unsynced) self.disk().ForgetUnsynced(self.file);
      if (fault) return ErrorCode(*fault, SQLITE_IOERR_FSYNC);
      self.disk().Synced(self.file);
    }
    if (!self.syncs_directory_next) return SQLITE_OK;
    const int code = SyncDirectory(*self.vfs, ParentDirectory(self.path()), SQLITE_IOERR_FSYNC);
    self.syncs_directory_next = code != SQLITE_OK;
    return code;
  }

  static int SyncDirectory(FaultSqliteVfs& vfs, const std::string& path, int error_code) {
    const auto fault = vfs.plan_.Arrive(Operation::kSyncDirectory, path);
    const auto lock = vfs.disk_.Lock();
    if (fault || !vfs.disk_.IsUsable(vfs.epoch_)) return error_code;
    vfs.disk_.SyncDirectory(path);
    return SQLITE_OK;
  }

  static int FileSize(sqlite3_file* file, sqlite3_int64* size) {
    FaultSqliteFile& self = Of(file);
    if (IsDead(self)) return SQLITE_IOERR_FSTAT;
    return self.methods()->xFileSize(self.real(), size);
  }

  // A connection of before the power cut gets no lock, so that its closing does not checkpoint.
  static int LockFile(sqlite3_file* file, int level) {
    FaultSqliteFile& self = Of(file);
    if (IsDead(self)) return SQLITE_IOERR_LOCK;
    return self.methods()->xLock(self.real(), level);
  }

  static int UnlockFile(sqlite3_file* file, int level) {
    return Of(file).methods()->xUnlock(Of(file).real(), level);
  }

  static int CheckReservedLock(sqlite3_file* file, int* result) {
    return Of(file).methods()->xCheckReservedLock(Of(file).real(), result);
  }

  static int FileControl(sqlite3_file* file, int operation, void* argument) {
    // These would let "unix" change the file without telling us.
    for (const int hidden :
         {SQLITE_FCNTL_SIZE_HINT, SQLITE_FCNTL_CHUNK_SIZE, SQLITE_FCNTL_MMAP_SIZE}) {
      if (operation == hidden) return SQLITE_NOTFOUND;
    }
    return Of(file).methods()->xFileControl(Of(file).real(), operation, argument);
  }

  static int SectorSize(sqlite3_file* file) {
    return Of(file).methods()->xSectorSize(Of(file).real());
  }

  static int DeviceCharacteristics(sqlite3_file* file) {
    const int real = Of(file).methods()->xDeviceCharacteristics(Of(file).real());
    return real & ~SQLITE_IOCAP_BATCH_ATOMIC;
  }

  static int SharedMemoryMap(sqlite3_file* file, int page, int page_size, int extend,
                             void volatile** memory) {
    FaultSqliteFile& self = Of(file);
    if (IsDead(self)) return SQLITE_IOERR_SHMMAP;
    return self.methods()->xShmMap(self.real(), page, page_size, extend, memory);
  }

  static int SharedMemoryLock(sqlite3_file* file, int offset, int count, int flags) {
    FaultSqliteFile& self = Of(file);
    if ((flags & SQLITE_SHM_LOCK) != 0 && IsDead(self)) return SQLITE_IOERR_SHMLOCK;
    return self.methods()->xShmLock(self.real(), offset, count, flags);
  }

  static void SharedMemoryBarrier(sqlite3_file* file) {
    Of(file).methods()->xShmBarrier(Of(file).real());
  }

  static int SharedMemoryUnmap(sqlite3_file* file, int delete_it) {
    FaultSqliteFile& self = Of(file);
    // By now the name may be that of a connection of after the power cut.
    return self.methods()->xShmUnmap(self.real(), IsDead(self) ? 0 : delete_it);
  }

  static const sqlite3_io_methods* Methods() {
    static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = Close,
        .xRead = Read,
        .xWrite = Write,
        .xTruncate = Truncate,
        .xSync = Sync,
        .xFileSize = FileSize,
        .xLock = LockFile,
        .xUnlock = UnlockFile,
        .xCheckReservedLock = CheckReservedLock,
        .xFileControl = FileControl,
        .xSectorSize = SectorSize,
        .xDeviceCharacteristics = DeviceCharacteristics,
        .xShmMap = SharedMemoryMap,
        .xShmLock = SharedMemoryLock,
        .xShmBarrier = SharedMemoryBarrier,
        .xShmUnmap = SharedMemoryUnmap,
    };
    return &methods;
  }

  // The functions of the VFS itself.

  static int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                  int* out_flags) {
    FaultSqliteVfs& owner = Of(vfs);
    auto* self = new (static_cast<void*>(file)) FaultSqliteFile();
    self->vfs = &owner;
    const int code = OpenReal(owner, name, *self, flags, out_flags);
    if (code == SQLITE_OK) {
      self->pMethods = Methods();
    } else {
      self->~FaultSqliteFile();
      file->pMethods = nullptr;  // SQLite need not close it
    }
    return code;
  }

  static int OpenReal(FaultSqliteVfs& owner, const char* name, FaultSqliteFile& self, int flags,
                      int* out_flags) {
    const bool is_tracked = name != nullptr && (flags & SQLITE_OPEN_DELETEONCLOSE) == 0;
    if (!is_tracked) return owner.base_->xOpen(owner.base_, name, self.real(), flags, out_flags);
    const std::string path = NormalPath(name);
    const bool reads_only = (flags & SQLITE_OPEN_READONLY) != 0;
    const auto operation = reads_only ? Operation::kOpenRead : Operation::kOpen;
    if (owner.plan_.Arrive(operation, path)) return SQLITE_CANTOPEN;
    const auto lock = owner.disk_.Lock();
    if (self.IsDead()) return SQLITE_CANTOPEN;
    const bool is_new = !Exists(name);
    const int code = owner.base_->xOpen(owner.base_, name, self.real(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    self.file = owner.disk_.Opened(path, is_new);
    self.file->is_sqlite = true;
    constexpr int kJournals =
        SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    self.syncs_directory_next = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0;
    return SQLITE_OK;
  }

  static int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
    FaultSqliteVfs& owner = Of(vfs);
    const std::string path = NormalPath(name);
    const auto fault = owner.plan_.Arrive(Operation::kRemove, path);
    {
      const auto lock = owner.disk_.Lock();
      if (!owner.disk_.IsUsable(owner.epoch_)) return SQLITE_IOERR_DELETE;
      if (fault) return ErrorCode(*fault, SQLITE_IOERR_DELETE);
      if (!Exists(name)) return SQLITE_IOERR_DELETE_NOENT;
      if (!owner.disk_.Remove(path)) return SQLITE_IOERR_DELETE;
    }
    if (sync_directory == 0) return SQLITE_OK;
    return SyncDirectory(owner, ParentDirectory(path), SQLITE_IOERR_DIR_FSYNC);
  }

  static int Access(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
    FaultSqliteVfs& owner = Of(vfs);
    const auto lock = owner.disk_.Lock();
    if (!owner.disk_.IsUsable(owner.epoch_)) return SQLITE_IOERR_ACCESS;
    return owner.base_->xAccess(owner.base_, name, flags, result);
  }

  static int FullPathname(sqlite3_vfs* vfs, const char* name, int size, char* out) {
    return Of(vfs).base_->xFullPathname(Of(vfs).base_, name, size, out);
  }
  static int Randomness(sqlite3_vfs* vfs, int size, char* out) {
    return Of(vfs).base_->xRandomness(Of(vfs).base_, size, out);
  }
  static int Sleep(sqlite3_vfs* vfs, int micros) {
    return Of(vfs).base_->xSleep(Of(vfs).base_, micros);
  }
  static int CurrentTime(sqlite3_vfs* vfs, double* days) {
    return Of(vfs).base_->xCurrentTime(Of(vfs).base_, days);
  }
  static int CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* millis) {
    return Of(vfs).base_->xCurrentTimeInt64(Of(vfs).base_, millis);
  }
  static int GetLastError(sqlite3_vfs* vfs, int size, char* out) {
    return Of(vfs).base_->xGetLastError(Of(vfs).base_, size, out);
  }
};

FaultSqliteVfs::FaultSqliteVfs(FaultPlan& plan, FaultDisk& disk, uint64_t epoch)
    : plan_(plan),
      disk_(disk),
      epoch_(epoch),
      base_(sqlite3_vfs_find(nullptr)),
      name_(UniqueName()) {
  STAGELOG_CHECK(base_ != nullptr && std::string_view(base_->zName).starts_with("unix"));
  vfs_.iVersion = 2;
  vfs_.szOsFile = static_cast<int>(sizeof(FaultSqliteFile)) + base_->szOsFile;
  vfs_.mxPathname = base_->mxPathname;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = FaultSqliteFunctions::Open;
  vfs_.xDelete = FaultSqliteFunctions::Delete;
  vfs_.xAccess = FaultSqliteFunctions::Access;
  vfs_.xFullPathname = FaultSqliteFunctions::FullPathname;
  vfs_.xRandomness = FaultSqliteFunctions::Randomness;
  vfs_.xSleep = FaultSqliteFunctions::Sleep;
  vfs_.xCurrentTime = FaultSqliteFunctions::CurrentTime;
  vfs_.xCurrentTimeInt64 = FaultSqliteFunctions::CurrentTimeInt64;
  vfs_.xGetLastError = FaultSqliteFunctions::GetLastError;
  STAGELOG_CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

FaultSqliteVfs::~FaultSqliteVfs() { sqlite3_vfs_unregister(&vfs_); }

}  // namespace stagelog
