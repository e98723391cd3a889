#include "log/table/sqlite_setup.h"

namespace stagelog {

void SetUpSqlite() {
  [[maybe_unused]] static const int result = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

}  // namespace stagelog
