// What may stand between a client and the daemon: a TCP proxy that does not treat streams well.
#ifndef STAGELOG_TESTS_CLIENT_STREAM_SPOILER_H_
#define STAGELOG_TESTS_CLIENT_STREAM_SPOILER_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <random>
#include <string>
#include <thread>

#include "base/unique_fd.h"

namespace stagelog {

// One thread of its own, from construction to destruction. All but streams passes unchanged.
class StreamSpoiler {
 public:
  enum class Mode {
    kBuffer,       // keeps every byte of a stream to itself
    kContentType,  // calls a stream text/html
    kForbid,       // answers 403 by itself
    kCut,          // cuts a stream after a random number of bytes, at most 4,000
    kCutAtOnce,    // cuts it before the first byte
  };

  StreamSpoiler(uint16_t daemon_port, Mode mode, uint64_t seed = 1);
  ~StreamSpoiler();
  StreamSpoiler(const StreamSpoiler&) = delete;
  StreamSpoiler& operator=(const StreamSpoiler&) = delete;

  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int streams() const { return streams_; }  // that were asked for

 private:
  struct Pair {
    UniqueFd client;
    UniqueFd daemon;
    bool is_stream = false;
    bool is_over = false;
    size_t bytes_left = 0;  // of a stream, until it is cut
  };

  void Run();
  void Accept();
  void FromClient(Pair& pair);
  void FromDaemon(Pair& pair);

  const uint16_t daemon_port_;
  const Mode mode_;
  std::mt19937_64 random_;
  uint16_t port_ = 0;
  UniqueFd listener_;
  UniqueFd done_;
  std::list<Pair> pairs_;
  std::atomic<int> streams_{0};
  std::thread thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLIENT_STREAM_SPOILER_H_
