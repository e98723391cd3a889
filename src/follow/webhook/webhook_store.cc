#include "follow/webhook/webhook_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/timestamp.h"
#include "base/unique_fd.h"
#include "core/json_text.h"
#include "core/query.h"

namespace stagelog {
namespace {

constexpr int kBusyMillis = 200;  // nobody else should have it open; sending must not wait
constexpr int kSchemaVersion = 1;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS webhook(
  id TEXT PRIMARY KEY, definition TEXT NOT NULL, is_configured INTEGER NOT NULL,
  previous_secret TEXT NOT NULL, previous_until INTEGER NOT NULL, paused TEXT NOT NULL,
  cursor INTEGER NOT NULL, made INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lane(
  webhook TEXT NOT NULL, name TEXT NOT NULL, after_seq INTEGER NOT NULL,
  through_seq INTEGER NOT NULL, attempts INTEGER NOT NULL, first_attempt INTEGER NOT NULL,
  PRIMARY KEY(webhook, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivery(
  number INTEGER PRIMARY KEY AUTOINCREMENT, webhook TEXT NOT NULL, message_id TEXT NOT NULL,
  seq INTEGER NOT NULL, job_id TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
  attempts INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  http_status INTEGER NOT NULL, problem TEXT NOT NULL, answer TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS delivery_by_id ON delivery(webhook, message_id);
CREATE INDEX IF NOT EXISTS delivery_by_number ON delivery(webhook, number);
)";

// SQLite gives its other files the mode of the first.
Status MakePrivateFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) {
    return Failure("cannot open " + path + ": " + std::strerror(errno), errno);
  }
  if (::fchmod(file.get(), 0600) != 0) {
    return Failure("cannot protect " + path + ": " + std::strerror(errno), errno);
  }
  return {};
}

std::string EncodeDelivery(SQLite::Statement& row) {
  std::string object;
  const auto add_text = [&](const char* key, int column) {
    const std::string text = row.getColumn(column).getString();
    if (!text.empty()) AppendJsonMember(object, key, JsonString(text));
  };
  const auto add_time = [&](const char* key, int column) {
    AppendJsonMember(object, key, JsonString(FormatTimestamp(row.getColumn(column).getInt64())));
  };
  add_text("id", 1);
  AppendJsonMember(object, "seq", std::to_string(row.getColumn(2).getInt64()));
  add_text("job_id", 3);
  add_text("type", 4);
  add_text("status", 5);
  AppendJsonMember(object, "attempts", std::to_string(row.getColumn(6).getInt()));
  add_time("first_attempt_at", 7);
  add_time("last_attempt_at", 8);
  if (const int status = row.getColumn(9).getInt(); status != 0) {
    AppendJsonMember(object, "http_status", std::to_string(status));
  }
  add_text("problem", 10);
  add_text("answer", 11);
  return object + "}";
}

// Secrets have no commas.
std::string Joined(const std::vector<std::string>& secrets) {
  std::string text;
  for (const std::string& secret : secrets) text += (text.empty() ? "" : ",") + secret;
  return text;
}

}  // namespace

void KeepAsPrevious(StoredWebhook& webhook, std::string secret) {
  std::vector<std::string>& secrets = webhook.previous_secrets;
  secrets.insert(secrets.begin(), std::move(secret));
  if (secrets.size() > kMaxPreviousSecrets) secrets.resize(kMaxPreviousSecrets);
}

Result<std::unique_ptr<WebhookStore>> WebhookStore::Open(const std::string& path) {
  if (Status made = MakePrivateFile(path); !made) return tl::unexpected(made.error());
  try {
    return std::unique_ptr<WebhookStore>(new WebhookStore(path));
  } catch (const SQLite::Exception& problem) {
    return Failure("cannot use " + path + ": " + problem.what());
  }
}

WebhookStore::WebhookStore(const std::string& path)
    : database_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMillis) {
  database_.exec("PRAGMA journal_mode=WAL");
  database_.exec("PRAGMA synchronous=FULL");
  const int version = database_.execAndGet("PRAGMA user_version").getInt();
  if (version > kSchemaVersion) throw SQLite::Exception("it is of a later version of stagelog");
  database_.exec(kSchema);
  database_.exec("PRAGMA user_version=" + std::to_string(kSchemaVersion));
}

SQLite::Statement& WebhookStore::Prepared(std::unique_ptr<SQLite::Statement>& slot,
                                          const char* sql) {
  if (slot == nullptr) slot = std::make_unique<SQLite::Statement>(database_, sql);
  slot->reset();
  return *slot;
}

std::string WebhookStore::JournalId() {
  SQLite::Statement row(database_, "SELECT value FROM meta WHERE key='journal_id'");
  return row.executeStep() ? row.getColumn(0).getString() : "";
}

void WebhookStore::SetJournalId(const std::string& journal_id) {
  SQLite::Statement row(database_, "INSERT OR REPLACE INTO meta VALUES('journal_id', ?)");
  row.bind(1, journal_id);
  row.exec();
}

std::vector<StoredWebhook> WebhookStore::ReadAll() {
  std::vector<StoredWebhook> all;
  SQLite::Statement rows(database_,
                         "SELECT id, definition, is_configured, previous_secret, previous_until, "
                         "paused, cursor, made FROM webhook ORDER BY id");
  while (rows.executeStep()) {
    const std::string id = rows.getColumn(0).getString();
    auto webhook = ParseWebhook(rows.getColumn(1).getString(), 0);
    if (!webhook) {
      throw SQLite::Exception("the definition of the webhook " + id +
                              " is damaged: " + webhook.error().detail);
    }
    StoredWebhook stored;
    stored.webhook = std::move(*webhook);
    stored.is_configured = rows.getColumn(2).getInt() != 0;
    stored.previous_secrets = SplitList(rows.getColumn(3).getString());
    stored.previous_until_micros = rows.getColumn(4).getInt64();
    stored.paused = rows.getColumn(5).getString();
    stored.cursor = rows.getColumn(6).getInt64();
    stored.made_micros = rows.getColumn(7).getInt64();
    SQLite::Statement lanes(database_,
                            "SELECT name, after_seq, through_seq, attempts, first_attempt FROM "
                            "lane WHERE webhook=?");
    lanes.bind(1, id);
    while (lanes.executeStep()) {
      stored.lanes.push_back({lanes.getColumn(0).getString(), lanes.getColumn(1).getInt64(),
                              lanes.getColumn(2).getInt64(), lanes.getColumn(3).getInt(),
                              lanes.getColumn(4).getInt64()});
    }
    all.push_back(std::move(stored));
  }
  return all;
}

void WebhookStore::Write(const StoredWebhook& webhook) {
  SQLite::Statement row(database_, "INSERT OR REPLACE INTO webhook VALUES(?,?,?,?,?,?,?,?)");
  row.bind(1, webhook.webhook.id);
  row.bind(2, EncodeWebhookWithSecrets(webhook.webhook));
  row.bind(3, webhook.is_configured ? 1 : 0);
  row.bind(4, Joined(webhook.previous_secrets));
  row.bind(5, webhook.previous_until_micros);
  row.bind(6, webhook.paused);
  row.bind(7, webhook.cursor);
  row.bind(8, webhook.made_micros);
  row.exec();
}

void WebhookStore::Remove(const std::string& webhook_id) {
  SQLite::Transaction transaction(database_);
  for (const char* sql : {"DELETE FROM webhook WHERE id=?", "DELETE FROM lane WHERE webhook=?",
                          "DELETE FROM delivery WHERE webhook=?"}) {
    SQLite::Statement row(database_, sql);
    row.bind(1, webhook_id);
    row.exec();
  }
  transaction.commit();
}

void WebhookStore::Begin() { database_.exec("BEGIN IMMEDIATE"); }
void WebhookStore::Commit() { database_.exec("COMMIT"); }
void WebhookStore::Rollback() { database_.tryExec("ROLLBACK"); }

void WebhookStore::WriteCursor(const std::string& webhook_id, int64_t cursor) {
  SQLite::Statement& row = Prepared(write_cursor_, "UPDATE webhook SET cursor=? WHERE id=?");
  row.bind(1, cursor);
  row.bind(2, webhook_id);
  row.exec();
}

void WebhookStore::WriteLane(const std::string& webhook_id, const StoredLane& lane) {
  SQLite::Statement& row = Prepared(write_lane_, "INSERT OR REPLACE INTO lane VALUES(?,?,?,?,?,?)");
  row.bind(1, webhook_id);
  row.bind(2, lane.name);
  row.bind(3, lane.after_seq);
  row.bind(4, lane.through_seq);
  row.bind(5, lane.attempts);
  row.bind(6, lane.first_attempt_micros);
  row.exec();
}

void WebhookStore::RemoveLane(const std::string& webhook_id, const std::string& name) {
  SQLite::Statement& row = Prepared(remove_lane_, "DELETE FROM lane WHERE webhook=? AND name=?");
  row.bind(1, webhook_id);
  row.bind(2, name);
  row.exec();
}

void WebhookStore::WriteDelivery(const Delivery& delivery) {
  SQLite::Statement& row = Prepared(
      write_delivery_,
      "INSERT INTO delivery(webhook, message_id, seq, job_id, type, status, attempts, first, last, "
      "http_status, problem, answer) VALUES(?,?,?,?,?,?,?,?,?,?,?,?) "
      "ON CONFLICT(webhook, message_id) DO UPDATE SET status=excluded.status, "
      "attempts=excluded.attempts, last=excluded.last, http_status=excluded.http_status, "
      "problem=excluded.problem, answer=excluded.answer");
  row.bind(1, delivery.webhook_id);
  row.bind(2, delivery.message_id);
  row.bind(3, delivery.seq);
  row.bind(4, delivery.job_id);
  row.bind(5, delivery.type);
  row.bind(6, delivery.status);
  row.bind(7, delivery.attempts);
  row.bind(8, delivery.first_micros);
  row.bind(9, delivery.last_micros);
  row.bind(10, delivery.http_status);
  row.bind(11, delivery.problem);
  row.bind(12, delivery.answer);
  row.exec();
}

void WebhookStore::DropOldDeliveries(const std::string& webhook_id) {
  SQLite::Statement row(database_,
                        "DELETE FROM delivery WHERE webhook=?1 AND number <= (SELECT number FROM "
                        "delivery WHERE webhook=?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)");
  row.bind(1, webhook_id);
  row.bind(2, kKeptDeliveries);
  row.exec();
}

std::optional<int64_t> WebhookStore::FindDelivery(const std::string& webhook_id,
                                                  const std::string& message_id) {
  SQLite::Statement row(database_, "SELECT seq FROM delivery WHERE webhook=? AND message_id=?");
  row.bind(1, webhook_id);
  row.bind(2, message_id);
  if (!row.executeStep()) return std::nullopt;
  return row.getColumn(0).getInt64();
}

WebhookAnswer WebhookStore::ListDeliveries(const std::string& webhook_id,
                                           const DeliveryListRequest& request) {
  SQLite::Statement rows(
      database_,
      "SELECT number, message_id, seq, job_id, type, status, attempts, first, last, http_status, "
      "problem, answer FROM delivery WHERE webhook=?1 AND number<?2 AND (?3='' OR status=?3) "
      "ORDER BY number DESC LIMIT ?4");
  rows.bind(1, webhook_id);
  rows.bind(2, request.before_number);
  rows.bind(3, request.status);
  rows.bind(4, static_cast<int64_t>(request.limit) + 1);
  std::string list = "[";
  size_t count = 0;
  int64_t last_number = 0;
  bool has_more = false;
  while (rows.executeStep()) {
    if (count == request.limit) {
      has_more = true;
      break;
    }
    if (count++ > 0) list += ',';
    last_number = rows.getColumn(0).getInt64();
    list += EncodeDelivery(rows);
  }
  list = "{\"deliveries\":" + list +
         "],\"next_after\":" + (has_more ? std::to_string(last_number) : "null") +
         ",\"has_more\":" + (has_more ? "true" : "false") + "}";
  return {std::move(list), webhook_id, has_more ? last_number : 0};
}

}  // namespace stagelog
