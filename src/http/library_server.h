// Adapter of cpp-httplib: the library accepts connections and parses request lines, but does not
// handle connections.
#ifndef STAGELOG_HTTP_LIBRARY_SERVER_H_
#define STAGELOG_HTTP_LIBRARY_SERVER_H_

#include <httplib.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog {

// cpp-httplib blocks one thread per connection. This subclass overrides the virtual function that
// does so and passes the socket on. Tested with 0.11.4; library_server_test detects a newer version
// that no longer calls it.
class LibraryServer : private httplib::Server {
 public:
  // Called on the accepting thread with each new connection.
  using Acceptor = std::function<void(UniqueFd)>;

  explicit LibraryServer(Acceptor acceptor);
  ~LibraryServer() override;

  // Binds and listens; port 0 picks a free one. Returns the port.
  Result<int> Bind(const std::string& host, int port);

  // Starts the accepting thread. After Bind().
  void Start();

  // Closes the listening socket and ends the thread. Idempotent.
  void StopAccepting();

  // Method, decoded path and parameters of "GET /path?query HTTP/1.1". No value when the library
  // refuses the line. One thread at a time.
  std::optional<httplib::Request> ParseRequestLine(const std::string& request_line);

 private:
  bool process_and_close_socket(socket_t socket) override;
  bool BindOnce();
  void AcceptUntilStopped();

  const Acceptor acceptor_;
  std::string host_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_LIBRARY_SERVER_H_
