// One stream: a cursor and a socket. Stream thread only.
#ifndef STAGELOG_STREAM_SUBSCRIBER_H_
#define STAGELOG_STREAM_SUBSCRIBER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/query.h"
#include "stream/stream_socket.h"

namespace stagelog {

struct Topic;

// Why a stream was closed.
enum class CloseReason : uint8_t { kClient, kStalled, kTerminal, kToken, kShutdown, kDeleted };
inline constexpr size_t kCloseReasonCount = 6;
std::string_view CloseReasonName(CloseReason reason);

enum class SubscriberState : uint8_t {
  kStarting,    // its cursor is being looked up in the journal; `connected` was not sent
  kCatchingUp,  // fed with pages of the journal
  kJoined,      // fed from its topic's ring
  kEnding,      // gets nothing new; is closed when what is in hand was sent
};

struct Subscriber {
  Subscriber(uint64_t new_id, UniqueFd fd, bool chunked)
      : id(new_id), socket(std::move(fd), chunked) {}

  // Advances the cursor over the `runs` that were begun according to `report`.
  void MoveOver(std::span<const FrameRun> runs, const SendReport& report);

  const uint64_t id;  // never used again
  // Every event of the topic up to `cursor` was sent, is being sent, or does not match.
  int64_t cursor = 0;
  StreamSocket socket;
  Topic* topic = nullptr;
  std::unique_ptr<const EventFilter> filter;  // null: everything
  std::string token_name;
  uint64_t grant = 0;             // the session that it came by; 0: none
  int64_t expires_at_micros = 0;  // monotonic, looked at with each heartbeat; 0: never
  int64_t start_time_micros = 0;  // with kStarting: the time that the cursor is looked up for
  size_t unsent_counted = 0;      // what the gauge of unsent bytes knows of
  int kernel_counted = 0;         // the same of bytes that the kernel holds
  uint32_t topic_index = 0;       // in the topic's members
  uint16_t wheel_slot = 0;
  SubscriberState state = SubscriberState::kStarting;
  CloseReason ending_reason = CloseReason::kTerminal;  // with kEnding
  FrameForm form;
  bool until_terminal = false;
  bool job_over = false;      // the job's state as of the cursor; only for until_terminal
  bool over_by_page = false;  // the journal itself said so, with nothing later to send
  bool read_pending = false;  // the journal is being read for it, or will be after a delay
  bool ready = false;         // waits for another turn of the loop
  bool doomed = false;        // is closed at the end of this turn of the loop
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_SUBSCRIBER_H_
