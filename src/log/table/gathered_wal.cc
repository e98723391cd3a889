#include "log/table/gathered_wal.h"

#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace stagelog {
namespace {

// https://www.sqlite.org/fileformat2.html, "WAL Frame Header Format": the bytes 4 to 7 are 0 but in
// the last frame of a transaction.
constexpr int kFrameHeaderBytes = 24;
constexpr int kWriteLock = 0;  // https://www.sqlite.org/walformat.html, "WAL Locks"
constexpr size_t kMaxGatheredBytes = size_t{512} << 10;
// SQLite's "unix" writes no more than 131,071 bytes at once (seekAndWriteFd).
constexpr size_t kMaxWriteBytes = size_t{64} << 10;

bool EndsTransaction(const char* header) {
  return (header[4] | header[5] | header[6] | header[7]) != 0;
}

// What SQLite holds for an open file of ours. The base's own file lies right behind it.
struct GatheredFile : sqlite3_file {
  sqlite3_file* base() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods* methods() { return base()->pMethods; }

  GatheredFile* log = nullptr;       // of a database: its write-ahead log while that is open
  GatheredFile* database = nullptr;  // of a log

  // Of a log.
  std::string gathered;
  sqlite3_int64 start = 0;  // where `gathered` begins in the file
  bool ends_transaction = false;
  int failure = SQLITE_OK;  // what this transaction wrote from `start` on is not in the file
  // Where a write may spoil its neighbours SQLite fills a sector with copies of the last frame, in
  // other pieces: nothing is gathered.
  bool gathers = true;

  sqlite3_int64 end() const { return start + static_cast<sqlite3_int64>(gathered.size()); }

  int Flush() {
    ends_transaction = false;
    for (size_t at = 0; at < gathered.size() && failure == SQLITE_OK; at += kMaxWriteBytes) {
      const size_t size = std::min(kMaxWriteBytes, gathered.size() - at);
      failure = methods()->xWrite(base(), gathered.data() + at, static_cast<int>(size),
                                  start + static_cast<sqlite3_int64>(at));
    }
    if (failure != SQLITE_OK) return failure;
    start = end();
    gathered.clear();
    return SQLITE_OK;
  }

  // A bare header that is left was written anew for its checksum, in a transaction that is
  // committed. Anything else was given up.
  void EndTransaction() {
    if (ends_transaction) Flush();
    gathered.clear();
    failure = SQLITE_OK;
  }
};

GatheredFile& Of(sqlite3_file* file) { return *static_cast<GatheredFile*>(file); }

int CloseFile(sqlite3_file* file) {
  GatheredFile& self = Of(file);
  if (self.database != nullptr) {
    self.database->log = nullptr;
    self.EndTransaction();
  }
  const int code = self.methods()->xClose(self.base());
  self.~GatheredFile();
  return code;
}

int ReadBase(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
  return Of(file).methods()->xRead(Of(file).base(), bytes, size, offset);
}

int WriteBase(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  return Of(file).methods()->xWrite(Of(file).base(), bytes, size, offset);
}

int TruncateBase(sqlite3_file* file, sqlite3_int64 size) {
  return Of(file).methods()->xTruncate(Of(file).base(), size);
}

int SyncBase(sqlite3_file* file, int flags) {
  return Of(file).methods()->xSync(Of(file).base(), flags);
}

int SizeOfBase(sqlite3_file* file, sqlite3_int64* size) {
  return Of(file).methods()->xFileSize(Of(file).base(), size);
}

int WriteLog(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  GatheredFile& log = Of(file);
  if (!log.gathers) return WriteBase(file, bytes, size, offset);
  if (offset != log.end()) {
    if (const int code = log.Flush(); code != SQLITE_OK) return code;
    log.start = offset;
  }
  const char* text = static_cast<const char*>(bytes);
  log.gathered.append(text, static_cast<size_t>(size));
  if (size == kFrameHeaderBytes) {
    log.ends_transaction = EndsTransaction(text);
    return SQLITE_OK;
  }
  if (!log.ends_transaction && log.gathered.size() < kMaxGatheredBytes) return SQLITE_OK;
  return log.Flush();
}

int ReadLog(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
  GatheredFile& log = Of(file);
  if (offset + size > log.start && !log.gathered.empty()) {
    if (const int code = log.Flush(); code != SQLITE_OK) return code;
  }
  return ReadBase(file, bytes, size, offset);
}

int TruncateLog(sqlite3_file* file, sqlite3_int64 size) {
  const int code = Of(file).Flush();
  return code != SQLITE_OK ? code : TruncateBase(file, size);
}

int SyncLog(sqlite3_file* file, int flags) {
  const int code = Of(file).Flush();
  return code != SQLITE_OK ? code : SyncBase(file, flags);
}

int SizeOfLog(sqlite3_file* file, sqlite3_int64* size) {
  const int code = Of(file).Flush();
  return code != SQLITE_OK ? code : SizeOfBase(file, size);
}

int LockFile(sqlite3_file* file, int level) {
  return Of(file).methods()->xLock(Of(file).base(), level);
}

int UnlockFile(sqlite3_file* file, int level) {
  return Of(file).methods()->xUnlock(Of(file).base(), level);
}

int CheckReservedLock(sqlite3_file* file, int* result) {
  return Of(file).methods()->xCheckReservedLock(Of(file).base(), result);
}

int ControlFile(sqlite3_file* file, int operation, void* argument) {
  return Of(file).methods()->xFileControl(Of(file).base(), operation, argument);
}

int SectorSize(sqlite3_file* file) { return Of(file).methods()->xSectorSize(Of(file).base()); }

int DeviceCharacteristics(sqlite3_file* file) {
  return Of(file).methods()->xDeviceCharacteristics(Of(file).base());
}

int MapSharedMemory(sqlite3_file* file, int page, int page_size, int extend,
                    void volatile** memory) {
  return Of(file).methods()->xShmMap(Of(file).base(), page, page_size, extend, memory);
}

// Before another connection may write: what was given up would be written over its frames.
int LockSharedMemory(sqlite3_file* file, int first, int count, int flags) {
  GatheredFile& database = Of(file);
  constexpr int kRelease = SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE;
  if (first == kWriteLock && flags == kRelease && database.log != nullptr) {
    database.log->EndTransaction();
  }
  return database.methods()->xShmLock(database.base(), first, count, flags);
}

void SharedMemoryBarrier(sqlite3_file* file) { Of(file).methods()->xShmBarrier(Of(file).base()); }

int UnmapSharedMemory(sqlite3_file* file, int delete_it) {
  return Of(file).methods()->xShmUnmap(Of(file).base(), delete_it);
}

constexpr sqlite3_io_methods kDatabaseMethods = {
    .iVersion = 2,  // without memory-mapped pages
    .xClose = CloseFile,
    .xRead = ReadBase,
    .xWrite = WriteBase,
    .xTruncate = TruncateBase,
    .xSync = SyncBase,
    .xFileSize = SizeOfBase,
    .xLock = LockFile,
    .xUnlock = UnlockFile,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = ControlFile,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = MapSharedMemory,
    .xShmLock = LockSharedMemory,
    .xShmBarrier = SharedMemoryBarrier,
    .xShmUnmap = UnmapSharedMemory,
};

constexpr sqlite3_io_methods LogMethods() {
  sqlite3_io_methods methods = kDatabaseMethods;
  methods.iVersion = 1;  // shared memory belongs to the database's file
  methods.xRead = ReadLog;
  methods.xWrite = WriteLog;
  methods.xTruncate = TruncateLog;
  methods.xSync = SyncLog;
  methods.xFileSize = SizeOfLog;
  return methods;
}
constexpr sqlite3_io_methods kLogMethods = LogMethods();

struct GatheringVfs {
  std::string name;
  sqlite3_vfs* base = nullptr;
  sqlite3_vfs vfs{};
};

sqlite3_vfs* BaseOf(sqlite3_vfs* vfs) { return static_cast<GatheringVfs*>(vfs->pAppData)->base; }

int OpenFile(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  sqlite3_vfs* base = BaseOf(vfs);
  const bool is_log = (flags & SQLITE_OPEN_WAL) != 0;
  if (!is_log && (flags & SQLITE_OPEN_MAIN_DB) == 0) {
    return base->xOpen(base, name, file, flags, out_flags);
  }
  auto* self = new (static_cast<void*>(file)) GatheredFile();
  const int code = base->xOpen(base, name, self->base(), flags, out_flags);
  if (code != SQLITE_OK) {
    if (self->methods() != nullptr) self->methods()->xClose(self->base());
    self->~GatheredFile();
    file->pMethods = nullptr;  // SQLite need not close it
    return code;
  }
  self->pMethods = is_log ? &kLogMethods : &kDatabaseMethods;
  if (!is_log) return code;
  self->gathers = (DeviceCharacteristics(self) & SQLITE_IOCAP_POWERSAFE_OVERWRITE) != 0;
  self->database = &Of(::sqlite3_database_file_object(name));
  self->database->log = self;
  return code;
}

int DeleteFile(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  return BaseOf(vfs)->xDelete(BaseOf(vfs), name, sync_directory);
}
int AccessFile(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
  return BaseOf(vfs)->xAccess(BaseOf(vfs), name, flags, result);
}
int FullPathname(sqlite3_vfs* vfs, const char* name, int size, char* out) {
  return BaseOf(vfs)->xFullPathname(BaseOf(vfs), name, size, out);
}
int RandomBytes(sqlite3_vfs* vfs, int size, char* out) {
  return BaseOf(vfs)->xRandomness(BaseOf(vfs), size, out);
}
int SleepMicros(sqlite3_vfs* vfs, int micros) { return BaseOf(vfs)->xSleep(BaseOf(vfs), micros); }
int CurrentDays(sqlite3_vfs* vfs, double* days) {
  return BaseOf(vfs)->xCurrentTime(BaseOf(vfs), days);
}
int CurrentMillis(sqlite3_vfs* vfs, sqlite3_int64* millis) {
  return BaseOf(vfs)->xCurrentTimeInt64(BaseOf(vfs), millis);
}
int LastError(sqlite3_vfs* vfs, int size, char* out) {
  return BaseOf(vfs)->xGetLastError(BaseOf(vfs), size, out);
}

}  // namespace

std::string GatheredWalVfs(const std::string& base) {
  static Mutex mutex;
  // Never destroyed: SQLite has no end.
  static auto& registered = *new std::map<std::string, std::unique_ptr<GatheringVfs>>();
  const MutexLock lock(mutex);
  std::unique_ptr<GatheringVfs>& made = registered[base];
  if (made != nullptr) return made->name;
  made = std::make_unique<GatheringVfs>();
  made->name = "gathered-wal:" + base;
  made->base = sqlite3_vfs_find(base.empty() ? nullptr : base.c_str());
  STAGELOG_CHECK(made->base != nullptr && made->base->iVersion >= 2);
  made->vfs = {.iVersion = 2,
               .szOsFile = static_cast<int>(sizeof(GatheredFile)) + made->base->szOsFile,
               .mxPathname = made->base->mxPathname,
               .zName = made->name.c_str(),
               .pAppData = made.get(),
               .xOpen = OpenFile,
               .xDelete = DeleteFile,
               .xAccess = AccessFile,
               .xFullPathname = FullPathname,
               .xRandomness = RandomBytes,
               .xSleep = SleepMicros,
               .xCurrentTime = CurrentDays,
               .xGetLastError = LastError,
               .xCurrentTimeInt64 = CurrentMillis};
  STAGELOG_CHECK(sqlite3_vfs_register(&made->vfs, 0) == SQLITE_OK);
  return made->name;
}

}  // namespace stagelog
