// Shows on the login page what the phone does with the code, and goes on once it has agreed.
(function () {
  "use strict";
})();
