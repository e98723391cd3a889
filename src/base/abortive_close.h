// How a connection ends that is given up.
#ifndef STAGELOG_BASE_ABORTIVE_CLOSE_H_
#define STAGELOG_BASE_ABORTIVE_CLOSE_H_

namespace stagelog {

// Closing the socket from now on resets the connection: the kernel frees what the peer has not
// taken, and keeps it no longer than the socket is open. (After an orderly close it keeps it for as
// long as the peer likes.) Only for connections that are given up. Safe from any thread.
void MakeCloseAbortive(int socket);

}  // namespace stagelog

#endif  // STAGELOG_BASE_ABORTIVE_CLOSE_H_
