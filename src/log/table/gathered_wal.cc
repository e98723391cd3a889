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
constexpr size_t kMaxGatheredBytes = size_t{512} << 10;
// SQLite's "unix" writes no more than 131,071 bytes at once (seekAndWriteFd).
constexpr size_t kMaxWriteBytes = size_t{64} << 10;

bool EndsTransaction(const char* header) {
  return (header[4] | header[5] | header[6] | header[7]) != 0;
}

// What SQLite holds for an open log. The base's own file lies right behind it.
struct GatheredWal : sqlite3_file {
  std::string gathered;
  sqlite3_int64 start = 0;  // where `gathered` begins in the file
  bool ends_transaction = false;
  // Where a write may spoil its neighbours SQLite fills a sector with copies of the last frame, in
  // other pieces: nothing is gathered.
  bool gathers = true;

  sqlite3_file* base() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods* methods() { return base()->pMethods; }
  sqlite3_int64 end() const { return start + static_cast<sqlite3_int64>(gathered.size()); }

  // After a failure nothing is gathered: SQLite gives up the transaction.
  int Flush() {
    ends_transaction = false;
    int code = SQLITE_OK;
    for (size_t at = 0; at < gathered.size() && code == SQLITE_OK; at += kMaxWriteBytes) {
      const size_t size = std::min(kMaxWriteBytes, gathered.size() - at);
      code = methods()->xWrite(base(), gathered.data() + at, static_cast<int>(size),
                               start + static_cast<sqlite3_int64>(at));
    }
    gathered.clear();
    return code;
  }
};

GatheredWal& Of(sqlite3_file* file) { return *static_cast<GatheredWal*>(file); }

int CloseWal(sqlite3_file* file) {
  GatheredWal& wal = Of(file);
  const int code = wal.methods()->xClose(wal.base());
  wal.~GatheredWal();  // what it has gathered belongs to no transaction
  return code;
}

int WriteWal(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  GatheredWal& wal = Of(file);
  if (!wal.gathers) return wal.methods()->xWrite(wal.base(), bytes, size, offset);
  if (offset != wal.end()) {
    if (const int code = wal.Flush(); code != SQLITE_OK) return code;
    wal.start = offset;
  }
  const char* text = static_cast<const char*>(bytes);
  wal.gathered.append(text, static_cast<size_t>(size));
  if (size == kFrameHeaderBytes) {
    wal.ends_transaction = EndsTransaction(text);
    return SQLITE_OK;
  }
  if (!wal.ends_transaction && wal.gathered.size() < kMaxGatheredBytes) return SQLITE_OK;
  const sqlite3_int64 end = wal.end();
  const int code = wal.Flush();
  wal.start = end;
  return code;
}

int ReadWal(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
  GatheredWal& wal = Of(file);
  if (offset + size > wal.start) {
    if (const int code = wal.Flush(); code != SQLITE_OK) return code;
  }
  return wal.methods()->xRead(wal.base(), bytes, size, offset);
}

int TruncateWal(sqlite3_file* file, sqlite3_int64 size) {
  GatheredWal& wal = Of(file);
  if (const int code = wal.Flush(); code != SQLITE_OK) return code;
  return wal.methods()->xTruncate(wal.base(), size);
}

int SyncWal(sqlite3_file* file, int flags) {
  GatheredWal& wal = Of(file);
  if (const int code = wal.Flush(); code != SQLITE_OK) return code;
  return wal.methods()->xSync(wal.base(), flags);
}

int SizeOfWal(sqlite3_file* file, sqlite3_int64* size) {
  GatheredWal& wal = Of(file);
  if (const int code = wal.Flush(); code != SQLITE_OK) return code;
  return wal.methods()->xFileSize(wal.base(), size);
}

int LockWal(sqlite3_file* file, int level) {
  return Of(file).methods()->xLock(Of(file).base(), level);
}

int UnlockWal(sqlite3_file* file, int level) {
  return Of(file).methods()->xUnlock(Of(file).base(), level);
}

int CheckReservedLockOfWal(sqlite3_file* file, int* result) {
  return Of(file).methods()->xCheckReservedLock(Of(file).base(), result);
}

int ControlWal(sqlite3_file* file, int operation, void* argument) {
  return Of(file).methods()->xFileControl(Of(file).base(), operation, argument);
}

int SectorSizeOfWal(sqlite3_file* file) { return Of(file).methods()->xSectorSize(Of(file).base()); }

int CharacteristicsOfWal(sqlite3_file* file) {
  return Of(file).methods()->xDeviceCharacteristics(Of(file).base());
}

// Of a log SQLite maps neither memory nor shared memory: those belong to the database's file.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = CloseWal,
    .xRead = ReadWal,
    .xWrite = WriteWal,
    .xTruncate = TruncateWal,
    .xSync = SyncWal,
    .xFileSize = SizeOfWal,
    .xLock = LockWal,
    .xUnlock = UnlockWal,
    .xCheckReservedLock = CheckReservedLockOfWal,
    .xFileControl = ControlWal,
    .xSectorSize = SectorSizeOfWal,
    .xDeviceCharacteristics = CharacteristicsOfWal,
};

struct GatheringVfs {
  std::string name;
  sqlite3_vfs* base = nullptr;
  sqlite3_vfs vfs{};
};

sqlite3_vfs* BaseOf(sqlite3_vfs* vfs) { return static_cast<GatheringVfs*>(vfs->pAppData)->base; }

int OpenFile(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  sqlite3_vfs* base = BaseOf(vfs);
  if ((flags & SQLITE_OPEN_WAL) == 0) return base->xOpen(base, name, file, flags, out_flags);
  auto* wal = new (static_cast<void*>(file)) GatheredWal();
  const int code = base->xOpen(base, name, wal->base(), flags, out_flags);
  if (code == SQLITE_OK) {
    wal->pMethods = &kMethods;
    const int characteristics = wal->methods()->xDeviceCharacteristics(wal->base());
    wal->gathers = (characteristics & SQLITE_IOCAP_POWERSAFE_OVERWRITE) != 0;
    return code;
  }
  if (wal->methods() != nullptr) wal->methods()->xClose(wal->base());
  wal->~GatheredWal();
  file->pMethods = nullptr;  // SQLite need not close it
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
               .szOsFile = static_cast<int>(sizeof(GatheredWal)) + made->base->szOsFile,
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
