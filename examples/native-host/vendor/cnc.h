/* A machine tool's library, as vendors ship them. */
#ifndef CNC_H
#define CNC_H

/* Reads the position of an axis, in micrometres. Returns 0, or an error of the machine. */
int cnc_read(int axis, long *position);

/* Makes the machine send the position of an axis by itself. */
int cnc_subscribe(int axis);

/* Returns how many axes send their position by themselves. */
int cnc_subscriptions(void);

#endif
