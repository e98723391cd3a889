#include "base/abortive_close.h"

#include <sys/socket.h>

namespace stagelog {

void MakeCloseAbortive(int socket) {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

}  // namespace stagelog
