// SPDX-License-Identifier: GPL-2.0-only
#include "lvs/abi.h"
#include "nl/ops.h"

int lvs_nl_apply(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	int err;

	switch (op->cmd) {
	case IPVS_CMD_NEW_SERVICE:
		err = lvs_nl_service_new(txn, op);
		break;
	case IPVS_CMD_SET_SERVICE:
		err = lvs_nl_service_set(txn, op);
		break;
	case IPVS_CMD_DEL_SERVICE:
		err = lvs_nl_service_del(txn, op);
		break;
	case IPVS_CMD_NEW_DEST:
		err = lvs_nl_dest_new(txn, op);
		break;
	case IPVS_CMD_SET_DEST:
		err = lvs_nl_dest_set(txn, op);
		break;
	case IPVS_CMD_DEL_DEST:
		err = lvs_nl_dest_del(txn, op);
		break;
	case LVS_OP_DRAIN_DEST:
		err = lvs_nl_dest_drain(txn, op);
		break;
	case LVS_OP_RESET_DEST:
		err = lvs_nl_dest_reset(txn, op);
		break;
	case LVS_OP_ADD_LADDR:
		err = lvs_nl_laddr_add(txn, op);
		break;
	case LVS_OP_DEL_LADDR:
		err = lvs_nl_laddr_del(txn, op);
		break;
	case LVS_OP_SET_PROFILE:
		err = lvs_nl_profile_set(txn, op);
		break;
	case LVS_OP_DEL_PROFILE:
		err = lvs_nl_profile_del(txn, op);
		break;
	case IPVS_CMD_ZERO:
		err = lvs_nl_service_zero(txn, op);
		break;
	case IPVS_CMD_FLUSH:
		err = lvs_ctl_flush(txn);
		break;
	default:
		return LVS_NL_FAIL(op->extack, op->where, -EOPNOTSUPP,
				   "the command is not one that changes services or dests");
	}
	if (err == -ENOMEM)
		NL_SET_ERR_MSG_ATTR(op->extack, op->where, "out of memory");
	return err;
}

int lvs_nl_txn_end(struct lvs_txn *txn, int err, struct netlink_ext_ack *extack)
{
	if (err)
		return lvs_txn_end(txn, err);
	err = lvs_txn_end(txn, 0);
	if (err)
		NL_SET_ERR_MSG(extack, "out of memory");
	return err;
}
